"""Workers of this machine are forks of one process, which has what they need from the coordinator, or imports it."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
from collections.abc import Iterator, Sequence
from unittest import mock


def prepare() -> None:
    """Start that process, unless it runs already: as a fork of this one while this has no other thread."""
    from multiprocessing import forkserver, resource_tracker, util  # there is none on Windows

    forkserver.set_forkserver_preload(["moi.grading.preloaded"])
    resource_tracker.ensure_running()
    alone = threading.active_count() == 1
    with mock.patch.object(util, "spawnv_passfds", _forked) if alone else contextlib.nullcontext():
        forkserver.ensure_running()


def _forked(path: str, arguments: Sequence[str], kept: Sequence[int]) -> int:
    """In place of a new Python that is to run the last of ``arguments``: a fork, which has imported all that this has.

    Of the open files it keeps only standard ones and those in ``kept``. The others lead nowhere: their numbers must not
    come to be those of other files, as there are objects that would write to them.
    """
    if child := os.fork():
        return child
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in map(int, os.listdir("/dev/fd")):
            if descriptor > 2 and descriptor not in kept:
                os.dup2(nowhere, descriptor)
        exec(arguments[-1], {})
    finally:
        os._exit(0)


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Much is imported here that stays: looking through it for garbage, now and later, takes a fifth as long again."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
