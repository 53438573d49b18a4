"""The least that grading could cost: each submission's cells and the tests, in a fork of a warm process, and no more.

``python grading_floor.py COURSE ASSIGNMENT`` prints the seconds of each submission, as JSON.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
import time
from pathlib import Path


def main(course: Path, name: str) -> list[float]:
    """Seconds from the fork to its end, for each submission of the assignment ``name``."""
    from moi.grading.assignment import read_assignment
    from moi.grading.course import Course
    from moi.grading.shell import Shell
    from moi.grading.stage import stage
    from moi.grading.zygote import warm

    assignment = read_assignment(course, name, Course.find(course).config)
    (notebook,) = assignment.notebooks
    warm(notebook.imports)
    shell = Shell.instance()
    handed_in = sorted(course.glob(f"submitted/*/{name}/{notebook.name}.ipynb"))
    works = []
    for path in handed_in:
        cells = stage(notebook, path.read_bytes()).cells
        authors = [None if cell.cell is None else notebook.cells[cell.cell] for cell in cells]
        works.append(
            [
                own.source if own and own.role in ("test", "given") else cell.source
                for cell, own in zip(cells, authors, strict=True)
                if cell.kind == "code"
            ]
        )
    gc.freeze()
    taken = []
    for sources in works:
        with tempfile.TemporaryDirectory() as folder:
            for file, content in assignment.files.items():
                Path(folder, file).write_bytes(content)
            start = time.perf_counter()
            if not (child := os.fork()):
                os.chdir(folder)
                for source in sources:
                    shell.run(source)
                os._exit(0)
            os.waitpid(child, 0)
            taken.append(time.perf_counter() - start)
    return taken


if __name__ == "__main__":
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    print(json.dumps(main(Path(sys.argv[1]).resolve(), sys.argv[2])))
