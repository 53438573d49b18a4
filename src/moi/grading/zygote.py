"""A warmed process, its forks: a parent of judges and one of learners' processes for each bench, and forks of these.

Started as ``python -m moi.grading.zygote`` by :mod:`moi.grading.nursery`. Each library is imported once, by the process
that all others are forks of; a fork takes milliseconds. Neither it nor any parent ever holds anything that a learner
may not know.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import io
import json
import os
import select
import signal
import socket
import sys
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from moi.grading import sandbox, watch
from moi.grading.workers import importing

LARGEST = 1 << 16


def main() -> int:
    """Warm up as the first line says; then make a pair of parents for each bench that asks at the second.

    The descriptors of both are given, and what to import at once. It ends when the first line closes.
    """
    # As in a terminal, also where the grader was started in the background, which has interrupts ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    owner, listener = (socket.socket(fileno=int(descriptor)) for descriptor in sys.argv[1:3])
    with importing():
        from moi.grading import judge, learner, session, shell  # noqa: F401

        _import(sys.argv[3:])
    message = owner.recv(LARGEST)
    if not message:
        return 0
    order, refused = json.loads(message), ""
    os.environ.update(order["environment"])
    there = os.path.exists("/proc/self/maps")  # which a process that is shut in cannot see
    mapped = open("/proc/self/maps") if there else io.StringIO()  # noqa: SIM115
    try:
        if order["isolate"]:
            sandbox.enter(
                order["root"],
                [sys.prefix, sys.base_prefix, *filter(None, sys.path), *order["visible"]],
                order["copied"],
                order["private"],
            )
        with importing():
            warm(order["imports"])
        with mapped:
            _into_large_pages(mapped)
        if order["isolate"]:
            sandbox.close_root()
    except sandbox.NoIsolation as failure:
        refused = str(failure)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for what is forked here
    while owner not in select.select([owner, listener], [], [])[0]:
        line, _ = listener.accept()
        with line:
            _, descriptors, _, _ = socket.recv_fds(line, LARGEST, 3)
        lines = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        if refused:
            with contextlib.suppress(OSError, IndexError):  # who asked has gone
                lines[0].send(json.dumps({"refused": refused}).encode())
        elif len(lines) == 3 and not os.fork():
            owner.close()
            listener.close()
            _become_pair(lines[:2], lines[2], order["isolate"])
        for each in lines:
            each.close()
    return 0


def _become_pair(lines: Sequence[socket.socket], alive: socket.socket, isolated: bool) -> None:
    """Fork a parent for each of ``lines``, and end when they do. Nobody else holds ``alive``. Does not return."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if isolated:
            sandbox.new_world()
        parents = []
        for place, line in enumerate(lines):
            users = sandbox.identities(os.getpid(), place)
            if not (parent := os.fork()):
                alive.close()
                for other in lines:
                    if other is not line:
                        other.close()
                _serve(line, users, isolated)
                os._exit(0)
            line.send(json.dumps({"pid": parent, "warmed": os.getpid()}).encode())
            parents.append(parent)
        for line in lines:
            line.close()
        while parents:
            ended, status = os.wait()
            parents.remove(ended)
            if status:  # one is of no use without the other
                for parent in parents:
                    os.kill(parent, signal.SIGKILL)
    finally:
        os._exit(0)


def _into_large_pages(mapped: Iterable[str]) -> None:
    """Have the system keep this process's own memory in large pages where it can, for fewer entries to copy in a fork.

    ``mapped`` has the lines of ``/proc/self/maps``. Systems that cannot do this refuse, and nothing is lost.
    """
    memory, large, collapse = ctypes.CDLL(None), 1 << 21, 25  # MADV_COLLAPSE, of Linux 6.1
    for area, rights, _, _, _, *name in map(str.split, mapped):
        if rights.startswith("rw") and name in ([], ["[heap]"]):
            first, end = (int(bound, 16) for bound in area.split("-"))
            first, end = -(-first // large) * large, end // large * large
            if first < end:
                memory.madvise(ctypes.c_void_p(first), ctypes.c_size_t(end - first), collapse)


def _serve(line: socket.socket, users: Sequence[int], isolated: bool) -> None:
    """Fork, and end what was forked, as the other end of the line asks for."""
    if sys.platform == "linux":
        sandbox.end_with_parent()
        sandbox.adopt_orphans()
    forked: list[int] = []
    while True:
        message, descriptors, _, _ = socket.recv_fds(line, LARGEST, 4)
        request = json.loads(message or "{}")
        if request.get("do") == "fork":
            if child := sandbox.fork_apart() if isolated else os.fork():
                forked.append(child)
                for descriptor in descriptors:
                    os.close(descriptor)
            else:
                line.close()
                _begin(request, [socket.socket(fileno=descriptor) for descriptor in descriptors], users)
        else:
            _end(forked, isolated)
            forked = []
            if not message:
                return
        line.send(b"{}")


def _begin(request: dict[str, Any], lines: Sequence[socket.socket], users: Sequence[int]) -> None:
    """Become what was asked for; it talks through ``lines``. Does not return."""
    try:
        from moi.grading import judge, learner

        if request["as"] == "learner":  # the instructor's terminal, or the file in its place, is nothing for learners
            with open(os.devnull, "r+b") as nothing:
                for stream in range(3):
                    os.dup2(nothing.fileno(), stream)
        limits = sandbox.Limits(**request["limits"])
        if request["folder"] is None:
            sandbox.enclose(limits, users, trusted=request["as"] == "judge")
        else:
            sandbox.without_walls(limits, request["folder"])
        tempfile.tempdir = None  # found anew, where this fork may write
        if request["as"] == "judge":
            judge.serve(*lines)
        else:
            learner.serve(*lines)
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os._exit(0)


def _end(forked: Sequence[int], isolated: bool) -> None:
    for child in forked:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    if not isolated:
        watch.end(os.getpid())
    with contextlib.suppress(ChildProcessError):
        while True:  # orphans too: this process adopts them
            os.wait()


def warm(modules: Sequence[str]) -> None:
    """Import ``modules``, as far as they are there, and start the shell."""
    from moi.grading import steady
    from moi.grading.patches import keep_builtins
    from moi.grading.shell import Shell

    _import(modules)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shell = Shell.instance()
        if "matplotlib" in sys.modules:  # the first figure is slow: fonts, layout
            shell.run(
                "%matplotlib inline\nimport matplotlib.pyplot as p\np.plot([1, 2], label='a')\np.legend()\np.show()"
            )
        shell.run("1 / 0")  # the first error is slow too
        steady.methods_of_data()
        keep_builtins()
        shell.reset(new_session=True)  # type: ignore[no-untyped-call]


def _import(modules: Sequence[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


if __name__ == "__main__":
    sys.exit(main())
