"""Something worth attacking, attacked: in the bench, and in a naive runner; says what each attack has got.

A program of its own, so that it can run as any user: ``python attacked.py FOLDER RESULT.json``. The folder is empty.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from classroom import course, handed_in, scores  # noqa: E402

import moi.data  # noqa: E402
from moi.grading import sandbox  # noqa: E402
from moi.grading.assignment import Assignment  # noqa: E402
from moi.grading.nursery import Nursery  # noqa: E402
from moi.grading.run import Bench, Run  # noqa: E402
from moi.grading.sandbox import Limits  # noqa: E402

ATTACKS = tomllib.loads((Path(__file__).parent / "attacks_on_machine.toml").read_text())
HELPERS = """
import contextlib, ctypes, os, select, shutil, signal, socket, sys, time
from ctypes import byref
libc = ctypes.CDLL(None, use_errno=True)
pipe = os.pipe()
def taken(what):
    print("TAKEN", what)
def syscall(number, *given):
    result = libc.syscall(number, *(ctypes.c_long(one) if isinstance(one, int) else one for one in given))
    return -ctypes.get_errno() if result < 0 else result
def forked(function):
    child = os.fork()
    if not child:
        try:
            function()
        finally:
            os._exit(0)
    return child
def heard():
    return os.read(pipe[0], 100_000) if select.select(pipe[:1], [], [], 1)[0] else b""
"""
# What a function does while the judge has it called.
IN_TESTS = {
    "exits": "os._exit(0)",
    "never ends": "while True: pass",
    "stops itself": "os.kill(os.getpid(), 19)",
    "kills all": "os.kill(-1, 9)",
    "returns too much": "return 'x' * 200_000_000",
    "returns without end": "a = []; a.append(a); return a",
    "returns deeply": "a = []\n    for _ in range(100_000): a = [a]\n    return a",
    "forks": "for _ in range(40): os.fork() or time.sleep(60)",
    "takes memory": "for _ in range(6): os.fork() or (b'x' * (90 << 20), time.sleep(60))\n    time.sleep(60)",
    "leaves a daemon": "os.fork() or os.fork() or time.sleep(60)",
    "closes the line": "os.closerange(3, 256)",
    "talks nonsense": "[os.write(n, b'\\xff' * 65536) for n in range(3, 30) if os.path.exists(f'/proc/self/fd/{n}')]",
    "prints without end": "while True: print('x' * 1000)",
}
# What takes from all submissions alike if it can, while others are graded.
TO_NEIGHBOURS = {
    "processes": "while True:\n    with contextlib.suppress(OSError):\n        os.fork() or time.sleep(60)",
    "descriptors on their way": """
held = []
while True:
    with contextlib.suppress(OSError):
        held.append(socket.socketpair())
        while True:
            socket.send_fds(held[-1][0], [b"x"], [0] * 250)
    time.sleep(0.01)
""",
    "processors": "while True:\n    with contextlib.suppress(OSError):\n        os.fork() or [0 for _ in iter(int, 1)]",
    "pipes": """
import fcntl
held = []
while True:
    with contextlib.suppress(OSError):
        held.append(os.pipe())
        fcntl.fcntl(held[-1][1], 1031, 1 << 20)
        os.set_blocking(held[-1][1], False)
        os.write(held[-1][1], bytes(1 << 20))
""",
}
FILES = {
    "data.csv": b"other data",
    "../escaped.txt": b"x",
    "/learner/escaped.txt": b"x",
    "../../../escaped.txt": b"x",
    "wave.py": b"raise SystemExit",
    "tabulate_of_learner.py": b"",
    "moi/__init__.py": b"",
    "a\0b": b"x",
    "": b"x",
    "numpy.py": b"raise SystemExit",
    "sitecustomize.py": b"raise SystemExit",
    "large.bin": bytes(20 << 20),
    "data.csv/x": b"",
}
RIGHT = {0: "def double(x):\n    return 2 * x", 2: "def same(x):\n    return x"}
# The second test looks at what is the judge's: the author's data, Python's own modules, nothing beside its folder.
TEST = """
import os, sys, wave
assert open("data.csv").read() == "a,b\\n", "the data are not the author's"
assert wave.__file__.startswith(sys.base_prefix), "a module of the learner's"
try:
    import tabulate_of_learner
except ImportError:
    pass
else:
    raise AssertionError("the learner's module was imported")
assert sorted(os.listdir("..")) == ["home", "passwd", "shm", "tmp"] or "learner" not in os.getcwd()
assert same(3) == 3
"""
LIMITS = Limits(memory=380, folder=64, file=16)
TIMEOUT = 3.0


def assignment_in(folder: Path) -> Assignment:
    solution = "### BEGIN SOLUTION\n{}\n### END SOLUTION".format
    cells = (("answer", solution(RIGHT[0])), ("test 1", "assert double(3) == 6"),
             ("answer", solution(RIGHT[2])), ("test 1", TEST))  # fmt: skip
    return course(folder, *cells, files={"data.csv": "a,b\n"})


class Outside:
    """What is outside, and none of a learner's business: files, services, a process."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.course = top / "course"
        self.name = f"moi-{secrets.token_hex(8)}"
        self.key = secrets.randbits(30) | 1
        self.token = os.environ["MOI_SECRET"]
        self.files = {
            path: f"{self.token} {path}\n" for path in
            ("course/gradebook.db", "course/source/week/hidden.txt", "course/submitted/other/week.txt", "home/.profile")
        }  # fmt: skip
        self.reached: list[str] = []
        self.servers = [self._server("tcp", ("127.0.0.1", 0)), self._server("unix", str(top / "socket")),
                        self._server("abstract", f"\0{self.name}"), self._server("udp", ("127.0.0.1", 0))]  # fmt: skip
        self.ports = [self.servers[place].getsockname()[1] for place in (0, 3)]
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.free = free.getsockname()[1]
        threading.Thread(target=self._visit, daemon=True).start()
        self.sentinel: Any = None
        self.restore()

    def told(self, **more: Any) -> dict[str, Any]:
        """What an attacker knows."""
        return {
            "top": str(self.top), "course": str(self.course), "gradebook": str(self.course / "gradebook.db"),
            "hidden": str(self.course / "source/week/hidden.txt"), "config": str(self.top / "home/.profile"),
            "other": str(self.course / "submitted/other/week.txt"),
            "grader": os.getpid(), "sentinel": self.sentinel.pid,
            "tcp": self.ports[0], "udp": self.ports[1], "unix": str(self.top / "socket"), "abstract": self.name,
            "free": self.free, "name": self.name, "key": self.key, **more,
        }  # fmt: skip

    def restore(self) -> None:
        """Make everything as it was."""
        for folder in ("course", "home"):
            shutil.rmtree(self.top / folder, ignore_errors=True)
        for extra in (
            set(self.top.glob("left*")) | set(self.top.glob("escaped*")) | set(Path("/dev/shm").glob(f"{self.name}*"))
        ):
            extra.unlink()
        for path, content in self.files.items():
            (self.top / path).parent.mkdir(parents=True, exist_ok=True)
            (self.top / path).write_text(content)
        libc = ctypes.CDLL(None)
        for get, end in ((libc.shmget, libc.shmctl), (libc.msgget, libc.msgctl)):
            if (held := get(self.key, 0, 0)) >= 0:
                end(held, 0, None)
        if (held := libc.semget(self.key, 0, 0)) >= 0:
            libc.semctl(held, 0, 0)
        self.reached.clear()
        if self.sentinel is not None:
            self.sentinel.kill()
            self.sentinel.wait()
        self.sentinel = subprocess.Popen(["sleep", "1000"])
        self.before = self._state()

    def changes(self) -> list[str]:
        """What is not as it was."""
        now = self._state()
        changed = [
            f"{what} is changed" for what in now.keys() | self.before.keys() if now.get(what) != self.before.get(what)
        ]
        return changed + self.reached

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = {}
        for folder, _, names in os.walk(self.top):
            for name in names:
                path = Path(folder, name)
                status = path.lstat()
                if "made" not in path.parts and name not in ("terminal", "result.json", "socket"):
                    state[str(path)] = status.st_mode, status.st_nlink, status.st_mtime_ns, status.st_size
        state["the other process"] = "gone"
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.sentinel.pid)
            if (status := process.status()) != psutil.STATUS_ZOMBIE:
                state["the other process"] = status == psutil.STATUS_STOPPED, process.nice(), process.rlimit(7)
        for kind in ("shm", "msg", "sem"):
            lines = Path("/proc/sysvipc", kind).read_text().splitlines()[1:]
            state[f"System V {kind}"] = [line for line in lines if line.split()[0] == str(self.key)]
        state["shared memory"] = list(Path("/dev/shm").glob(f"{self.name}*"))
        state["the terminal"] = "TAKEN" in (self.top / "terminal").read_text()
        return state

    def _server(self, name: str, address: Any) -> socket.socket:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        server = socket.socket(family, socket.SOCK_DGRAM if name == "udp" else socket.SOCK_STREAM)
        server.bind(address)
        if name != "udp":
            server.listen()

        def serve() -> None:
            while True:
                if name == "udp":
                    server.recv(100)
                else:
                    server.accept()[0].close()
                self.reached.append(f"{name} is reached")

        threading.Thread(target=serve, daemon=True).start()
        return server

    def _visit(self) -> None:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.free), 1):
                self.reached.append("a learner's server is reached")
            time.sleep(0.05)


def naive(outside: Outside, attack: Mapping[str, Any], masked: list[str]) -> dict[str, Any]:
    """The code in a process of the same user, as in a notebook's kernel."""
    outside.restore()
    held = [os.open(outside.course / "source/week/hidden.txt", os.O_RDONLY) for _ in range(2)]
    folder = outside.top / "made" / secrets.token_hex(4)
    folder.mkdir(parents=True)
    (folder / "data.csv").write_text("a,b\n")
    code = f"{HELPERS}\nOUT = {outside.told(bench=False, masked=masked)}\nMOST = {attack.get('most', 0)}\n"
    code += f"{attack['code']}\nprint('THE END')"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        cwd=folder, pass_fds=held, start_new_session=True,
    )  # fmt: skip
    timer = threading.Timer(2 if attack.get("wins") == "stops" else 20, os.killpg, (process.pid, signal.SIGINT))
    killer = threading.Timer(3 if attack.get("wins") == "stops" else 22, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    killer.start()
    assert process.stdout
    reader = threading.Thread(target=lambda: text.append(process.stdout.read()))  # type: ignore[union-attr]
    text: list[bytes] = []
    reader.start()
    process.wait()
    timer.cancel()
    killer.cancel()
    if left := _left([outside.sentinel.pid]):
        time.sleep(0.8)
    for one in left:
        with contextlib.suppress(psutil.Error):
            one.kill()
    reader.join()
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    for descriptor in held:
        os.close(descriptor)
    shutil.rmtree(folder, ignore_errors=True)
    shown = b"".join(text).decode(errors="replace")
    return _got(outside, attack, shown, stopped="THE END" not in shown) | {"left": [str(one) for one in left]}


def _got(outside: Outside, attack: Mapping[str, Any], shown: str, stopped: bool) -> dict[str, Any]:
    won = [outside.token in shown and "a secret is shown", "TAKEN" in shown and "it says so",
           len(shown) > 20_000_000 and "it shows too much" if attack.get("wins") == "fills" else "",
           stopped and "it stops what runs it" if attack.get("wins") == "stops" else ""]  # fmt: skip
    return {"won": [one for one in won if one] + outside.changes(), "shown": shown[-1500:]}


def _left(known: list[int]) -> list[psutil.Process]:
    found = psutil.Process().children(recursive=True)
    return [one for one in found if one.pid not in known and one.status() != psutil.STATUS_ZOMBIE]


class Attacked:
    """A bench, and what becomes of it."""

    def __init__(self, outside: Outside, folder: Path, **options: Any) -> None:
        self.outside = outside
        self.assignment = assignment_in(folder)
        options = {"timeout": TIMEOUT, "limits": LIMITS} | options
        self.bench = Bench(self.assignment.notebooks[0], self.assignment.files, **options)
        self.innocent = self._innocent()

    def _innocent(self) -> Any:
        staged = handed_in(self.assignment, RIGHT)
        run = self.bench.run(staged)
        return json.loads(json.dumps([run.outputs, run.notes, scores(self.assignment, staged, run)]))

    def run(self, added: list[str], answers: Mapping[int, str] | None = None, files: Mapping[str, bytes] | None = None,
            after: int = -1) -> tuple[Run, dict[str, Any]]:  # fmt: skip
        """Hand in, with cells ``added``; then somebody else does. Gives the run, and what is to be known of it."""
        self.outside.restore()
        staged = handed_in(self.assignment, {**RIGHT, **(answers or {})}, {after: added})
        started = time.monotonic()
        run = self.bench.run(staged, files)
        seconds = time.monotonic() - started
        warmed = self.bench._warmed
        known = [psutil.Process(warmed).ppid(), warmed, *self.bench._pids]
        users = {sandbox.identities(warmed, role)[0] for role in (0, 1)} if os.getuid() == 0 else {os.getuid()}
        own = {os.getpid(), self.outside.sentinel.pid, *known}
        left = [
            str(one)
            for one in psutil.process_iter(["uids", "status"])
            if one.info["uids"].real in users and one.pid not in own and one.info["status"] != psutil.STATUS_ZOMBIE
        ]
        left += [str(one) for one in _left(list(own))]
        everything = repr(run)
        return run, {
            "outside": self.outside.changes() + ["a secret is shown"] * (self.outside.token in everything),
            "left": left, "innocent": self._innocent() == self.innocent, "notes": list(run.notes), "seconds": seconds,
            "scores": scores(self.assignment, staged, run), "size": len(everything),
            "errors": [o for outputs in run.outputs for o in outputs if o["output_type"] == "error"][-3:],
        }  # fmt: skip

    def attacked_by(self, attacks: Mapping[str, Any], masked: list[str]) -> dict[str, Any]:
        told = self.outside.told(bench=True, masked=masked)
        first = f"{HELPERS}\nOUT = {told}\nMOST = 3000"
        cells = [f"OUT['sentinel'] = {self.outside.sentinel.pid}\n{attack['code']}" for attack in attacks.values()]
        run, known = self.run([first, *cells])
        found = {}
        for (name, attack), outputs in zip(attacks.items(), run.outputs[1:], strict=False):
            shown = "".join(
                str(o.get("text", "")) + str(o.get("evalue", "")) + repr(o.get("data", "")) for o in outputs
            )
            won = _got(self.outside, attack, shown, stopped=False)
            found[name] = {**known, "won": won["won"] + known["outside"], "shown": won["shown"]}
        return found


def in_tests(attacked: Attacked) -> dict[str, Any]:
    """A function of the learner's does its worst while it is tested; the other one is right."""
    found = {}
    for name, does in IN_TESTS.items():
        answer = f"import os, time\ndef double(x):\n    {does}\n    return 0"
        found[name] = attacked.run([], {0: answer})[1]
    found["files handed in"] = attacked.run([], files=FILES)[1]
    return found


def to_neighbours(attacked: Attacked, folder: Path) -> dict[str, Any]:
    """Others are graded in a second bench, as in another worker, while a learner takes what can be had."""
    found = {}
    second = Attacked(attacked.outside, folder, nursery=attacked.bench.nursery)  # as two workers of one machine
    for name, code in TO_NEIGHBOURS.items():
        thread = threading.Thread(target=attacked.run, args=([f"{HELPERS}\n{code}"],))
        thread.start()
        same = []
        while thread.is_alive():
            same.append(second._innocent() == second.innocent)
        found[name] = same
    second.bench.close()
    return found


def unsafe(outside: Outside, folder: Path) -> dict[str, Any]:
    """Without walls, where attacks succeed: what ends all the same, and is put away."""
    temporary = folder / "temporary"
    temporary.mkdir(parents=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
    attacked = Attacked(outside, folder / "course", isolate=False)
    own = set(temporary.iterdir())
    names = (
        "late_daemon",
        "late_session",
        "late_shell",
        "deaf_child",
        "exits",
        "never_ends",
        "memory_of_many",
        "forks",
    )
    found = {}
    for name in ("hidden_tests", *names):
        found |= attacked.attacked_by({name: ATTACKS[name]}, [])
        found[name]["put_away"] = set(temporary.iterdir()) == own
    attacked.bench.close()
    found["hidden_tests"]["put_away"] = not list(temporary.iterdir())
    return found


def main(top: Path, result: Path, *names: str) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in the background
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # what an attack leaves behind becomes a child of this process
    attacks = {name: attack for name, attack in ATTACKS.items() if not names or name in names}
    user = "root" if os.getuid() == 0 else "unprivileged"
    outside = Outside(top)
    found: dict[str, Any] = {"naive": {}, "bench": {}}
    masked = ["/usr/local/share/nbgrader", f"{sys.prefix}/etc/jupyter", f"{sys.base_prefix}/etc/jupyter"]
    closing = contextlib.ExitStack()
    try:
        nursery = closing.enter_context(Nursery())
        nursery.warm([], [str(moi.data.folder())])
        attacked = Attacked(outside, top / "made" / "first", nursery=nursery.address)
        together = {name: attack for name, attack in attacks.items() if not attack.get("alone")}
        for group in [together, *({name: attack} for name, attack in attacks.items() if attack.get("alone"))]:
            found["bench"] |= attacked.attacked_by(group, masked)
        if not names or "scenes" in names:
            found["in tests"] = in_tests(attacked)
            found["to neighbours"] = to_neighbours(attacked, top / "made" / "second")
        attacked.bench.close()
        closing.close()
        if not names or "scenes" in names:
            found["unsafe"] = unsafe(outside, top / "made" / "unsafe")
        for name, attack in attacks.items():
            if user in attack.get("users", ("root", "unprivileged")):
                found["naive"][name] = naive(outside, attack, masked)
    finally:
        closing.close()
        outside.sentinel.kill()
    result.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
