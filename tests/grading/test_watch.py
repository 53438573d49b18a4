"""Of the memory that a learner's processes take together, each is counted as long as it is there."""

from __future__ import annotations

import subprocess
import time
from typing import Any

import psutil
import pytest

from moi.grading.watch import PERIOD, watched


@pytest.mark.parametrize("ends", [True, False])
def test_a_process_that_ends_while_memory_is_counted_takes_none(ends: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = psutil.Process.memory_full_info

    def look_late(process: psutil.Process) -> Any:
        if ends:
            process.kill()
            process.wait()
        return looked(process)

    with subprocess.Popen(["sh", "-c", "sleep 60 & sleep 60 & wait"]) as parent:
        try:
            monkeypatch.setattr(psutil.Process, "memory_full_info", look_late)
            with watched(parent.pid, megabytes=0) as notes:
                time.sleep(3 * PERIOD)
        finally:
            for process in psutil.Process(parent.pid).children():
                process.kill()
            parent.kill()
    assert bool(notes) == (not ends)
