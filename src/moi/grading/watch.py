"""Watches what all processes of a learner take together: the system's own limits count each of them by itself."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import psutil

PERIOD = 0.2  # seconds
_BUSY, _LOWEST = 2, 19  # threads that run at once; the priority of those that are too many


@contextlib.contextmanager
def watched(parent: int, megabytes: int) -> Iterator[list[str]]:
    """Watch what the process ``parent`` has forked. Together it may take so many ``megabytes``, else all is ended.

    If more of it runs at once than a cell needs, it gets only what others leave of the processors: so nobody else's
    cell is late. Gives a list, in which there is afterwards a note for each time that something was ended.
    """
    notes: list[str] = []
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(parent, megabytes << 20, over, notes), daemon=True)
    watch.start()
    try:
        yield notes
    finally:
        over.set()
        watch.join()


def end(parent: int) -> None:
    """End all that ``parent`` has started, and all that this has started."""
    deadline = time.monotonic() + 10
    while (found := _alive(parent)) and time.monotonic() < deadline:
        for signalled in (psutil.Process.suspend, psutil.Process.kill):  # first, so that none starts another
            for process in found:
                with contextlib.suppress(psutil.Error):
                    signalled(process)


def _watch(parent: int, most: int, over: threading.Event, notes: list[str]) -> None:
    greedy = 0  # looks at which it was
    while not over.wait(PERIOD):
        processes = _alive(parent)
        if _memory(processes, most) > most:
            end(parent)
            notes.append(f"the learner's code took more than {most >> 20} MB of memory, and was ended")
            continue
        threads = _threads(processes)
        greedy += sum(_status(thread) == psutil.STATUS_RUNNING for thread in threads) > _BUSY
        if greedy > 1:
            for thread in threads:
                with contextlib.suppress(psutil.Error, OSError):
                    thread.nice(_LOWEST)


def _alive(parent: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        found = psutil.Process(parent).children(recursive=True)
        return [process for process in found if _status(process) != psutil.STATUS_ZOMBIE]
    return []


def _status(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return process.status()
    return psutil.STATUS_ZOMBIE


def _memory(processes: list[psutil.Process], most: int) -> int:
    """What they take together, in bytes; what they share counts once, as far as it may be looked at."""
    resident = {}
    for process in processes:
        with contextlib.suppress(psutil.Error):
            resident[process] = process.memory_info().rss
    if sum(resident.values()) > most:  # only then what takes longer to find out
        for process in list(resident):
            try:
                whole = process.memory_full_info()
                resident[process] = getattr(whole, "pss", whole.uss)
            except psutil.NoSuchProcess:  # it has ended since
                del resident[process]
            except psutil.Error:
                continue
    return sum(resident.values())


def _threads(processes: list[psutil.Process]) -> list[psutil.Process]:
    found = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            found += [psutil.Process(thread.id) for thread in process.threads()]
    return found
