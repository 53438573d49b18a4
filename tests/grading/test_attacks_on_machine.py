"""Attacks on the machine get nothing, leave nothing, and the next submission is graded as if they had not been.

They run in the bench as root (where the tests do) and as an ordinary user, and each is shown able to win: it does in a
naive runner, a process of the same user, as a notebook's kernel is.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from classroom import course, handed_in, scores

from moi.grading import sandbox
from moi.grading.folder import Folder
from moi.grading.nursery import Nursery
from moi.grading.run import Bench

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "src"
ATTACKS = tomllib.loads((HERE / "attacks_on_machine.toml").read_text())
USER = 47_111  # nobody's
USERS = ("root", "unprivileged") if os.getuid() == 0 else ("unprivileged",)
# Python itself may stand where only root can read, as below /root: then the ordinary user sees that folder alone there,
# in a mount namespace of its own.
AS_USER = """
mkdir "$1/kept" && mount --bind "$3" "$1/kept" && mount -t tmpfs -o mode=755 none "$2" && mkdir -p "$3" &&
mount --move "$1/kept" "$3" && shift 3 && exec "$@"
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="learners' code can be shut in on Linux only")


@pytest.fixture(scope="module")
def found() -> Iterator[dict[str, Any]]:
    """What came of all attacks, by user."""
    with ThreadPoolExecutor() as pool:
        yield dict(zip(USERS, pool.map(_attacked, USERS), strict=True))


def _attacked(user: str) -> Any:
    folder = Path(tempfile.mkdtemp(prefix="moi-attacked-"))
    top, result = folder / "top", folder / "result.json"
    top.mkdir()
    command = [sys.executable, str(HERE / "attacked.py"), str(top), str(result)]
    # The path of modules leads to the working folder (the empty entry), to one above it, and to a course.
    path = os.pathsep.join(["", str(SOURCE), "", str(top), str(top / "course")])
    environment = {"PATH": os.environ["PATH"], "HOME": str(top / "home"), "TMPDIR": str(folder), "PYTHONPATH": path,
                   "PYTHONDONTWRITEBYTECODE": "1", "MOI_SECRET": f"secret-{secrets.token_hex(16)}"}  # fmt: skip
    try:
        if user == "unprivileged" and os.getuid() == 0:
            command = ["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups", *command]
            if hidden := _hidden_from_others(Path(sys.base_prefix)):
                command = ["sh", "-c", AS_USER, "sh", str(folder), str(hidden), sys.base_prefix, *command]
                command = ["unshare", "--mount", *command]
        with (top / "terminal").open("wb") as terminal:
            if os.getuid() == 0 and user == "unprivileged":
                for path_ in (folder, *folder.rglob("*")):
                    os.chown(path_, USER, USER)
            ended = subprocess.run(command, env=environment, stdout=terminal, stderr=terminal, cwd=top, timeout=900)
        assert ended.returncode == 0, (top / "terminal").read_text()[-3000:]
        return json.loads(result.read_text())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _hidden_from_others(path: Path) -> Path | None:
    return next((above for above in reversed(path.parents) if not above.stat().st_mode & 1), None)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", ATTACKS)
def test_it_gets_nothing(name: str, user: str, found: dict[str, Any]) -> None:
    made = found[user]["bench"][name]
    assert made["won"] == [], made["shown"]
    assert made["left"] == []
    assert made["size"] < 20_000_000
    assert any(ATTACKS[name].get("expects", "") in note for note in made["notes"] or [""])


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", ATTACKS)
def test_others_are_graded_as_before(name: str, user: str, found: dict[str, Any]) -> None:
    assert found[user]["bench"][name]["innocent"]


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", ATTACKS)
def test_right_answers_beside_it_count(name: str, user: str, found: dict[str, Any]) -> None:
    made = found[user]["bench"][name]
    assert made["scores"] == {"test1": 1, "test3": 1}, made["errors"]


@pytest.mark.parametrize(
    ("name", "user"),
    [(name, user) for name, attack in ATTACKS.items() for user in attack.get("users", USERS) if user in USERS],
)
def test_it_wins_in_a_naive_runner(name: str, user: str, found: dict[str, Any]) -> None:
    made = found[user]["naive"][name]
    assert made["won"] or made["left"], made["shown"]


@pytest.mark.parametrize("user", USERS)
def test_functions_that_attack_while_they_are_tested(user: str, found: dict[str, Any]) -> None:
    for name, made in found[user]["in tests"].items():
        right = {"test1": float(name == "files handed in"), "test3": 1.0}
        assert (made["scores"], made["left"], made["innocent"], made["outside"]) == (right, [], True, []), (name, made)


@pytest.mark.parametrize("user", USERS)
def test_others_at_the_same_time_notice_nothing(user: str, found: dict[str, Any]) -> None:
    for name, same in found[user]["to neighbours"].items():
        assert len(same) >= 2 and all(same), name


@pytest.mark.parametrize("user", USERS)
def test_without_walls_all_is_ended_and_put_away(user: str, found: dict[str, Any]) -> None:
    made = found[user]["unsafe"]
    assert made["hidden_tests"]["won"]  # there are no walls
    for name, one in made.items():
        assert (one["left"], one["innocent"], one["put_away"]) == ([], True, True), (name, one)
    assert "MB of memory" in str(made["memory_of_many"]["notes"])


# The author's files on the judge's side


@pytest.mark.parametrize(
    "name", ["data.csv", "./data.csv", "sub/../data.csv", "sub//more.csv", "sub/./more.csv", "sub"]
)
@pytest.mark.parametrize("content", [b"other data", None])
def test_kept_files_have_no_other_name(
    name: str, content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"data.csv": b"a,b", "sub/more.csv": b"c,d"}
    monkeypatch.chdir(tmp_path)
    folder = Folder(files, keep=True)
    folder.apply({name: content})
    assert {path: (tmp_path / path).read_bytes() for path in files} == files
    Folder(files, keep=False).apply({"data.csv": b"other data"})
    assert (tmp_path / "data.csv").read_bytes() == b"other data"


@pytest.mark.parametrize("name", ["/dev/zero", "../outside.txt", "./a.txt", "sub/../a.txt", ".keep/a.txt", 7])
def test_what_is_not_in_the_folder_is_not_looked_at(name: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder" / "sub").mkdir(parents=True)
    (tmp_path / "outside.txt").write_text("a")
    monkeypatch.chdir(tmp_path / "folder")
    folder = Folder({"a.txt": b"a"})
    assert not folder.differs(name, b"b")
    folder.apply({name: b"b"})
    assert (tmp_path / "outside.txt").read_text() == (tmp_path / "folder" / "a.txt").read_text() == "a"
    assert folder.differs("a.txt", b"b") and folder.differs("a.txt", None) and not folder.differs("a.txt", b"a")


def test_many_and_large_files_of_the_author(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = {f"{number}.csv": b"x" for number in range(300)} | {"large.bin": bytes(17 << 20)}
    folder = Folder(files)
    assert folder.changes() == {}
    (tmp_path / "0.csv").write_bytes(b"yy")
    (tmp_path / "new.csv").write_bytes(b"z")
    assert folder.changes() == {"0.csv": b"yy", "new.csv": b"z"}


# Where there are no walls to be had


def test_it_refuses_elsewhere_than_on_linux(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assignment = course(tmp_path, ("answer", "x = 1"), ("test 1", "assert x == 1"))
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(sandbox.NoIsolation, match="needs Linux, and this is darwin; .* in a Linux virtual machine"):
        Bench(assignment.notebooks[0])


def test_it_refuses_without_seccomp(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(*_: Any, **__: Any) -> None:
        raise OSError("no such library")

    assignment = course(tmp_path, ("answer", "x = 1"), ("test 1", "assert x == 1"))
    monkeypatch.setattr(sandbox.ctypes, "CDLL", missing)
    with pytest.raises(sandbox.NoIsolation, match="install the package libseccomp2"):
        Bench(assignment.notebooks[0])


LOCKED_DOWN = """
import ctypes, sys
sys.path.insert(0, {support!r})
from pathlib import Path
from classroom import course
from moi.grading.run import Bench
from moi.grading.sandbox import NoIsolation, _Compare, _seccomp
answer = "### BEGIN SOLUTION\\nx = 1\\n### END SOLUTION"
assignment = course(Path({folder!r}), ("answer", answer), ("test 1", "assert x == 1"))
library = _seccomp()
rules = library.seccomp_init(0x7FFF0000)
library.seccomp_rule_add_array(rules, 0x50001, library.seccomp_syscall_resolve_name({call!r}), 0, (_Compare * 0)())
assert library.seccomp_load(ctypes.c_void_p(rules)) == 0
try:
    Bench(assignment.notebooks[0])
except NoIsolation as failure:
    print("REFUSED", failure)
with Bench(assignment.notebooks[0], isolate=False) as bench:
    print("UNSAFE", bench.reference.outputs, bench.reference.notes)
"""


@pytest.mark.parametrize("call", [b"unshare", b"mount", b"pivot_root"])
def test_it_refuses_in_a_container_that_forbids_namespaces(call: bytes, tmp_path: Path) -> None:
    code = LOCKED_DOWN.format(support=str(HERE.parent / "support"), folder=str(tmp_path), call=call)
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert "REFUSED Learners' code cannot be isolated here: the system refuses it" in told.stdout, told.stderr
    assert "unprivileged user namespaces" in told.stdout and "UNSAFE ((), ()) ()" in told.stdout


def test_parents_that_were_ended_are_made_anew(tmp_path: Path) -> None:
    assignment = course(
        tmp_path, ("answer", "### BEGIN SOLUTION\nx = 1\n### END SOLUTION"), ("test 1", "assert x == 1")
    )
    with Bench(assignment.notebooks[0]) as bench:
        for which in range(3):  # what both come from, the one of judges, the one of learners
            os.kill([bench._warmed, *bench._pids][which], signal.SIGKILL)
            select.select([bench._alive], [], [], 60)
            run = bench.run(handed_in(assignment, {0: "x = 1"}))
            assert (run.outputs, run.notes) == (bench.reference.outputs, bench.reference.notes)


def test_benches_share_a_nursery_and_outlive_it(tmp_path: Path) -> None:
    solution = "### BEGIN SOLUTION\nx = 1\n### END SOLUTION"
    assignment = course(tmp_path, ("answer", solution), ("test 1", "assert x == 1"))
    with contextlib.ExitStack() as closing:
        with Nursery() as nursery:
            nursery.warm([], [])
            first, second = (
                closing.enter_context(Bench(assignment.notebooks[0], nursery=nursery.address)) for _ in range(2)
            )
            parents = {psutil.Process(bench._warmed).ppid() for bench in (first, second)}
            assert parents == {nursery._process.pid} and first._warmed != second._warmed
        for bench in (first, second, first):  # the third time with parents of its own
            run = bench.run(handed_in(assignment, {0: "x = 1"}))
            assert (run.outputs, run.notes) == (bench.reference.outputs, bench.reference.notes)
            os.kill(bench._warmed, signal.SIGKILL)
            select.select([bench._alive], [], [], 60)


# What listens in a cell, and what a function does that is tested meanwhile.
TALKS = {
    "an abstract socket": (
        "import socket\nheard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\nheard.bind('\\0moi-pal')\n"
        "heard.settimeout(2)\nprint('HEARD', heard.recv(10))",
        "import socket\n    with contextlib.suppress(OSError):\n"
        "        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', '\\0moi-pal')",
    ),
    "a lock of a file": (
        "import fcntl, os, time\nfor _ in range(40):\n    with open(os.__file__) as file:\n        try:\n"
        "            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n        except OSError:\n"
        "            print('HEARD')\n    time.sleep(0.05)",
        "import fcntl, os\n    held.append(open(os.__file__))\n    fcntl.flock(held[-1], fcntl.LOCK_SH)",
    ),
    "a lock of a part of a file": (
        "import os, time\nfor _ in range(40):\n    with open(os.__file__) as file:\n"
        "        lock = struct.pack('hhqqi', fcntl.F_WRLCK, 0, 0, 9, 0)\n"
        "        if struct.unpack('hhqqi', fcntl.fcntl(file, fcntl.F_GETLK, lock))[0] != fcntl.F_UNLCK:\n"
        "            print('HEARD')\n    time.sleep(0.05)",
        "import os\n    held.append(open(os.__file__))\n    fcntl.lockf(held[-1], fcntl.LOCK_SH)",
    ),
    "a lock, asked for by a number of which the kernel looks at half": (
        "import os, time\nfor _ in range(40):\n    with open(os.__file__) as file:\n"
        "        lock = struct.pack('hhqqi', fcntl.F_WRLCK, 0, 0, 9, 0)\n"
        "        if struct.unpack('hhqqi', fcntl.fcntl(file, fcntl.F_GETLK, lock))[0] != fcntl.F_UNLCK:\n"
        "            print('HEARD')\n    time.sleep(0.05)",
        "import ctypes, os, struct\n    held.append(open(os.__file__))\n"
        "    lock = struct.pack('hhqqi', fcntl.F_RDLCK, 0, 0, 9, 0)\n"
        "    number = {'x86_64': 72, 'aarch64': 25}[os.uname().machine]\n"
        "    ctypes.CDLL(None).syscall(number, held[-1].fileno(), ctypes.c_long(1 << 32 | fcntl.F_SETLK), lock)",
    ),
    "a notice of who reads in a folder": (
        "import os, signal, time\nsignal.signal(signal.SIGIO, lambda *_: print('HEARD'))\n"
        "folder = os.open(os.path.dirname(os.__file__) + '/wsgiref', os.O_RDONLY)\n"
        "fcntl.fcntl(folder, fcntl.F_NOTIFY, fcntl.DN_ACCESS | fcntl.DN_MULTISHOT)\n"
        "for _ in range(40):\n    time.sleep(0.05)",
        "import os\n    open(os.path.dirname(os.__file__) + '/wsgiref/util.py').read()",
    ),
}


@pytest.mark.parametrize("isolate", [True, False])
@pytest.mark.parametrize("way", TALKS)
def test_two_submissions_at_once_hear_nothing_of_each_other(way: str, isolate: bool, tmp_path: Path) -> None:
    listens, tells = TALKS[way]
    right = "def double(x):\n    return 2 * x"
    solution = f"### BEGIN SOLUTION\n{right}\n### END SOLUTION"
    calls = "import time\nfor _ in range(20):\n    assert double(3) == 6\n    time.sleep(0.05)"
    assignment = course(tmp_path, ("answer", solution), ("test 1", calls))
    told = f"import contextlib, fcntl\nheld = []\ndef double(x):\n    {tells}\n    return 2 * x"
    with contextlib.ExitStack() as closing:
        nursery = closing.enter_context(Nursery(isolate=isolate))
        nursery.warm([], [])
        one, other = (
            closing.enter_context(Bench(assignment.notebooks[0], nursery=nursery.address, isolate=isolate))
            for _ in range(2)
        )
        with ThreadPoolExecutor() as pool:
            hearing = {-1: [f"import fcntl, struct\n{listens}"]}
            hears = pool.submit(one.run, handed_in(assignment, {0: right}, hearing))
            says = pool.submit(other.run, handed_in(assignment, {0: told}))
            staged = handed_in(assignment, {0: told})
            assert scores(assignment, staged, says.result()) == {"test1": 1}
    shown = [output.get("text", "") for outputs in hears.result().outputs for output in outputs]
    assert ("HEARD" in "".join(shown)) is not isolate
