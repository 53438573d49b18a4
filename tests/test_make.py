"""What make says when something is missing, and that it does nothing twice."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STEP = ".venv/.packages"

# Stands for Python: knows its version, makes a .venv that holds itself, and installs. LACKS takes one of these away.
PYTHON = """#!/bin/sh
case "$LACKS $*" in
    version*version_info*|venv*ensurepip*|network*"pip install"*) exit 1 ;;
    *"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
esac
"""


def write_program(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def machine(tmp_path):
    """Runs make in a folder with the Makefile and the lock, where only a few programs exist."""
    programs, folder = tmp_path / "bin", tmp_path / "course"
    programs.mkdir()
    folder.mkdir()
    for name in ("make", "sh", "find", "touch", "mkdir", "cp"):
        (programs / name).symlink_to(shutil.which(name))
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, folder)

    def run(*arguments, lacks="nothing", python="python3"):
        if python:
            write_program(programs / python, PYTHON)
        environment = {"PATH": str(programs), "LACKS": lacks}
        return subprocess.run(["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True)

    run.folder = folder
    return run


def complaint(result) -> str:
    """The one line said, beside make's own."""
    (line,) = [line for line in result.stderr.splitlines() if not line.startswith("make:")]
    assert result.returncode != 0
    return line


def test_no_python(machine):
    assert complaint(machine(STEP, python=None)).startswith("Python 3.11 or newer is missing")


def test_python_too_old(machine):
    assert complaint(machine(STEP, lacks="version")).startswith("Python 3.11 or newer is missing")


def test_no_venv(machine):
    assert complaint(machine(STEP, lacks="venv")) == "Python lacks venv (Debian: apt install python3-venv)"
    assert not (machine.folder / ".venv").exists()


def test_no_network(machine):
    assert complaint(machine(STEP, lacks="network")).startswith("The Python packages could not be fetched")
    assert machine("-q", STEP).returncode == 1, "a failed step counts as finished"


@pytest.mark.parametrize("python", ["python3.13", "python3.12", "python3.11", "python3"])
def test_finds_python_and_finishes_once(machine, python):
    assert machine(STEP, python=python).returncode == 0
    assert machine("-q", STEP, python=python).returncode == 0


def test_changed_lock_is_installed_again(machine):
    machine(STEP)
    later = (machine.folder / STEP).stat().st_mtime + 10
    os.utime(machine.folder / "requirements.lock", (later, later))
    assert machine("-q", STEP).returncode == 1


def test_a_built_book_says_how_to_read_it_also_from_another_machine(machine):
    said = machine("--assume-old=_build/.html", "html", "PORT=8123").stdout.splitlines()
    assert len(said) == 2 and said[0].endswith("make book") and "ssh -L 8123:127.0.0.1:8123" in said[1]
    assert not any("file://" in line for line in said)


@pytest.mark.parametrize("target", ["book", "html", "test", "test-all", "lab", "exercises", "check", "bench"])
def test_help_names_every_command(target):
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    assert f"  make {target} " in shown


@pytest.mark.parametrize(
    ("fails", "called"), [("check", ["check"]), ("test", ["check", "test"]), ("", ["check", "test"])]
)
def test_ci_runs_both_commands_and_fails_with_them(tmp_path, fails, called):
    write_program(tmp_path / "make", f'#!/bin/sh\necho "$@"\n[ "$1" != "{fails}" ]\n')
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run([ROOT / ".ci/run"], env=environment, capture_output=True, text=True)
    assert result.stdout.split() == called
    assert (result.returncode == 0) == (fails == "")
