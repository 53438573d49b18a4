"""Grading as it is without a boundary: the learner's cells and the tests run in one namespace of one process.

A stand-in for stock nbgrader, to show that an attack works where nothing stops it.
"""

from __future__ import annotations

import faulthandler
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

from moi.grading.assignment import Notebook


def graded(notebook: Notebook, raw: bytes, folder: Path, seconds: float = 5) -> dict[str, Any]:
    """What such a grader finds: ``scores`` by test and ``text`` of all outputs, or ``stopped`` if it did not end."""
    reads, writes = os.pipe()
    if not (child := os.fork()):
        try:
            faulthandler.disable()
            os.setsid()
            os.close(reads)
            os.chdir(folder)
            os.dup2(os.open(os.devnull, os.O_RDWR), 0)
            result = json.dumps(_graded(notebook, raw)).encode()
            with open(writes, "wb") as file:
                file.write(result)
        finally:
            os._exit(0)
    os.close(writes)
    data, deadline = b"", time.monotonic() + seconds
    with open(reads, "rb", buffering=0) as file:
        while select.select([file], [], [], max(0, deadline - time.monotonic()))[0] and (part := file.read(1 << 16)):
            data += part
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    try:
        found: dict[str, Any] = json.loads(data)
    except ValueError:
        found = {"stopped": True, "scores": {}, "text": ""}
    return found


def _graded(notebook: Notebook, raw: bytes) -> dict[str, Any]:
    """As nbgrader's autograde does it: the author's locked cells put back by name, everything else as handed in."""
    import nbformat
    from nbgrader.utils import determine_grade

    from moi.grading.shell import Shell

    sys.setrecursionlimit(1000)
    sys.path.insert(0, "")  # as a kernel has it
    sys.modules.pop("graphlib", None)  # A kernel has not met it; here another test may have, and no file hides it then.
    handed_in = nbformat.reads(raw.decode(), as_version=4)
    locked = {cell.name: cell for cell in notebook.cells if cell.role in ("given", "test")}
    shell, found, text = Shell.instance(), {}, []
    for cell in handed_in.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if name in locked:
            cell.source, cell.cell_type = locked[name].source, locked[name].kind
            cell.metadata["nbgrader"] = locked[name].metadata["nbgrader"]
        if cell.cell_type != "code":
            continue
        cell.outputs = []
        if "skip-execution" not in cell.metadata.get("tags", []):  # so does nbclient
            cell.outputs = [nbformat.from_dict(output) for output in shell.run(cell.source)[0]]
        text.append(_learner_facing(cell.outputs))
        if name in locked and locked[name].role == "test":
            found[name] = determine_grade(cell)[0]
    return {"scores": found, "text": "\n".join(text)}


def _learner_facing(outputs: Any) -> str:
    return "\n".join(str(output.get("text", "")) + str(output.get("evalue", "")) for output in outputs)
