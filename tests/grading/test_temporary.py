"""What a killed run has left in the temporary folder goes with the next one; what is in use stays."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from moi.grading.temporary import temporary_folder

KEPT = """
import sys
from moi.grading.temporary import temporary_folder
with temporary_folder() as folder:
    open(folder + '/file', 'w').close()
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_a_folder_goes_with_its_process_or_with_the_next_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "moi-grade-notes.txt").write_text("a file of somebody's")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "moi-grade-link").symlink_to(tmp_path / "elsewhere")
    made = []
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", KEPT], stdin=-1, stdout=-1, text=True)
        assert process.stdout is not None
        made.append((process, Path(process.stdout.readline().strip())))
    (killed, left), (alive, used) = made
    killed.kill()
    killed.wait()
    with temporary_folder() as folder:
        assert Path(folder).is_dir() and left.is_dir()  # nobody can know yet that it will not be locked
    old = time.time() - 3600
    for path in tmp_path.iterdir():
        os.utime(path, (old, old), follow_symlinks=False)
    with temporary_folder():
        assert not left.exists() and (used / "file").exists()
    alive.communicate()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "moi-grade-link", "moi-grade-notes.txt"]
