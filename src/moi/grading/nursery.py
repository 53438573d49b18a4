"""Starts a warmed process, of which the benches of this machine get pairs of parents: see :mod:`moi.grading.zygote`."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from moi.grading.sandbox import HOME, TEMPORARY
from moi.grading.temporary import temporary_folder
from moi.grading.watch import end

_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",  # the same work gives the same result
    "PYTHONDONTWRITEBYTECODE": "1",
    "NBGRADER_EXECUTION": "autograde",
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"),
}
_FONTS = "/cache/matplotlib"  # what matplotlib has found out about the machine's fonts takes seconds to make


class Nursery:
    """A process that imports what judges and learners always need, at once; and the rest when told to :meth:`warm`.

    :func:`ask` gets parents of it, by its ``address``. Without ``isolate`` it is not shut in. The modules ``early`` are
    imported at once too.
    """

    def __init__(self, *, isolate: bool = True, early: Iterable[str] = ()) -> None:
        self.isolate = isolate
        self._early = sorted(early)
        with contextlib.ExitStack() as closing:
            folder = closing.enter_context(temporary_folder())
            self.address = os.path.join(folder, "line")
            self._root = os.path.join(folder, "root")
            os.mkdir(self._root)
            self._start()
            self._closing = closing.pop_all()
        self._closing.callback(self._stop)

    def _start(self) -> None:
        home, temporary = (HOME, TEMPORARY) if self.isolate else (self._root, self._root)
        environment = _ENVIRONMENT | {"HOME": home, "TMPDIR": temporary, "PATH": os.defpath}
        for name in ("PYTHONPATH", "LD_LIBRARY_PATH"):  # an empty entry would mean the working folder
            paths = [os.path.abspath(path) for path in os.environ.get(name, "").split(os.pathsep) if path]
            environment |= {name: os.pathsep.join(paths)} if paths else {}
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            with _reachable(self.address) as address:
                listener.bind(address)
            listener.listen()
            descriptors = theirs.fileno(), listener.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-m", "moi.grading.zygote", *map(str, descriptors), *self._early],
                pass_fds=descriptors, env=environment, stdin=subprocess.DEVNULL, cwd="/",
                start_new_session=True,  # an interrupt at the terminal is not for it
            )  # fmt: skip

    def warm(self, imports: Iterable[str], visible: Sequence[str]) -> None:
        """Have it import these modules too. Besides the libraries, learners may see the folders ``visible``."""
        imports = sorted(set(imports))
        order = {"isolate": self.isolate, "root": self._root, "visible": list(visible), "copied": {}, "environment": {},
                 "private": [os.getcwd(), str(Path.home())], "imports": imports}  # fmt: skip
        drawing = any(name.partition(".")[0] in ("matplotlib", "seaborn", "pandas") for name in imports)
        if drawing and (fonts := _font_cache()):
            order["environment"] = {"MPLCONFIGDIR": _FONTS if self.isolate else fonts}
            order["copied"] = {_FONTS: fonts}
        with contextlib.suppress(OSError):  # it has ended: who asks it for parents will see
            self._line.send(json.dumps(order).encode())

    def close(self) -> None:
        """End it. Parents that it has made stay."""
        self._closing.close()

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _stop(self) -> None:
        self._line.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            end(self._process.pid)
            self._process.kill()
            self._process.wait()


def ask(address: str, *lines: socket.socket) -> None:
    """Have the nursery at ``address`` make a pair of parents, which get the ends of ``lines``. Raises ``OSError``."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        with _reachable(address) as short:
            line.connect(short)
        socket.send_fds(line, [b"{}"], [each.fileno() for each in lines])


@contextlib.contextmanager
def _reachable(address: str) -> Iterator[str]:
    """The same address in few characters: a socket's may have no more than a hundred."""
    folder, name = os.path.split(address)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def _font_cache() -> str | None:
    """The folder in which matplotlib keeps what it knows of this machine's fonts, if there is any."""
    folder = os.environ.get("MPLCONFIGDIR") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "matplotlib"
    )
    for attempt in range(2):
        if any(Path(folder).glob("fontlist-*.json")):
            return folder
        if not attempt:
            subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], capture_output=True, check=False)
    return None
