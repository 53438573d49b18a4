"""Small assignments, written in a test, submissions of them, and what they score."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from moi.grading import gate
from moi.grading.assignment import Assignment, read_assignment
from moi.grading.run import Run
from moi.grading.stage import Staged, stage


def course(folder: Path, *cells: tuple[str, str], files: Mapping[str, str] | None = None) -> Assignment:
    """An assignment of one notebook. Each cell is a kind and its source.

    The kinds: ``given``, ``free``, ``answer``, ``text`` (answered in words), and ``test 2`` (worth 2 points).
    """
    source = folder / "source" / "week"
    source.mkdir(parents=True)
    notebook = new_notebook(
        metadata={"kernelspec": {"name": "python3", "language": "python", "display_name": "Python"}}
    )
    for number, (kind, text) in enumerate(cells):
        kind, _, points = kind.partition(" ")
        made = new_markdown_cell(text) if kind == "text" else new_code_cell(text)
        made.id = f"cell{number}"
        if kind != "free":
            made.metadata["nbgrader"] = {
                "schema_version": 3, "grade_id": f"{kind}{number}", "locked": kind in ("given", "test"), "task": False,
                "solution": kind in ("answer", "text"), "grade": kind in ("test", "text"),
            } | ({"points": float(points or 1)} if kind in ("test", "text") else {})  # fmt: skip
        notebook.cells.append(made)
    nbformat.write(notebook, source / "week.ipynb")
    for name, content in (files or {}).items():
        (source / name).write_text(content)
    return read_assignment(folder, "week")


def handed_in(
    assignment: Assignment, answers: Mapping[int, str], added: Mapping[int, list[str]] | None = None
) -> Staged:
    """The release with ``answers`` put in, by cell, and cells ``added`` after cells (-1: at the top)."""
    notebook = assignment.notebooks[0]
    cells: list[Any] = [{"cell_type": "code", "source": text, "metadata": {}} for text in (added or {}).get(-1, ())]
    for number, cell in enumerate(notebook.cells):
        text = answers.get(number, cell.release)
        cells.append({"cell_type": cell.kind, "source": text, "id": cell.id, "metadata": cell.metadata})
        cells += [{"cell_type": "code", "source": text, "metadata": {}} for text in (added or {}).get(number, ())]
    raw = nbformat.from_dict({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    return stage(notebook, json.dumps(raw).encode())


def scores(assignment: Assignment, staged: Staged, run: Run) -> dict[str, float | None]:
    """The score of each test cell, by the cell's name."""
    return {cell.name: score for cell, score, _ in gate.scores(assignment.notebooks[0], staged, run)}
