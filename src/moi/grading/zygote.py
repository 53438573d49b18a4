"""A warmed parent: imports what an assignment needs, shut in, and forks a process for each piece of work.

Started as ``python -m moi.grading.zygote`` by :mod:`moi.grading.run`, with a socket to it. Each library is imported
once; a fork takes milliseconds. The parent of learners' processes never holds anything that a learner may not know.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import sys
import tempfile
import warnings
from collections.abc import Sequence
from typing import Any

from moi.grading import sandbox, watch

LARGEST = 1 << 16


def main() -> int:
    """Serve requests on the socket whose descriptor is the first argument, until its other end closes."""
    # As in a terminal, also where the grader was started in the background, which has interrupts ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    line = socket.socket(fileno=int(sys.argv[1]))
    order = json.loads(line.recv(LARGEST))
    try:
        if order["isolate"]:
            sandbox.enter(
                order["root"],
                [sys.prefix, sys.base_prefix, *filter(None, sys.path), *order["visible"]],
                order["copied"],
                order["private"],
            )
        warm(order["imports"])
        if order["isolate"]:
            sandbox.close_root()
    except sandbox.NoIsolation as failure:
        line.send(json.dumps({"refused": str(failure)}).encode())
        return 1
    if sys.platform == "linux":
        sandbox.adopt_orphans()
    gc.collect()
    gc.freeze()
    line.send(b"{}")
    forked: list[int] = []
    while True:
        message, descriptors, _, _ = socket.recv_fds(line, LARGEST, 4)
        request = json.loads(message or "{}")
        if request.get("do") == "fork":
            if child := os.fork():
                forked.append(child)
                for descriptor in descriptors:
                    os.close(descriptor)
            else:
                line.close()
                _begin(request, [socket.socket(fileno=descriptor) for descriptor in descriptors])
        else:
            _end(forked, order["isolate"])
            forked = []
            if not message:
                return 0
        line.send(b"{}")


def _begin(request: dict[str, Any], lines: Sequence[socket.socket]) -> None:
    """Become what was asked for; it talks through ``lines``. Does not return."""
    try:
        from moi.grading import judge, learner

        if request["as"] == "learner":  # the instructor's terminal, or the file in its place, is nothing for learners
            with open(os.devnull, "r+b") as nothing:
                for stream in range(3):
                    os.dup2(nothing.fileno(), stream)
        limits = sandbox.Limits(**request["limits"])
        if request["folder"] is None:
            sandbox.enclose(limits)
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
    from moi.grading import judge, learner  # noqa: F401
    from moi.grading.shell import Shell

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        shell = Shell.instance()
        if "matplotlib" in sys.modules:  # the first figure is slow: fonts, layout
            shell.run(
                "%matplotlib inline\nimport matplotlib.pyplot as p\np.plot([1, 2], label='a')\np.legend()\np.show()"
            )
        shell.reset(new_session=True)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    sys.exit(main())
