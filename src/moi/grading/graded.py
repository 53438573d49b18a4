"""A graded notebook: what was handed in and came of it, as nbgrader's autograde leaves it, and the scores therein."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell
from nbgrader.preprocessors import IgnorePattern, LimitOutput
from nbgrader.utils import compute_checksum, determine_grade, is_grade, is_solution, is_task
from traitlets.config import Config

from moi.grading.assignment import Notebook
from moi.grading.stage import Staged, StagedCell

if TYPE_CHECKING:
    from moi.grading.run import Run


@dataclass(frozen=True)
class Graded:
    """One notebook of a submission, graded: its file, and what the gradebook has to know of it."""

    text: bytes
    scores: dict[str, float | None]  # cell to automatic score; None is for a person to mark
    comments: dict[str, str | None]
    answers: dict[str, str]  # cell to a digest of what its score rests on
    notes: tuple[str, ...]
    seconds: dict[str, float]
    readable: bool = True  # whether the file that was handed in was a notebook


_LIMITS = (IgnorePattern, LimitOutput)


def limits(config: Config) -> Config:
    """The part of nbgrader's settings that a worker needs; the rest may name modules that it does not have."""
    names = {kind.__name__ for limit in _LIMITS for kind in limit.mro()}
    return Config({name: section for name, section in config.items() if name in names})


def graded(notebook: Notebook, staged: Staged, run: Run, config: Config, marks: dict[str, Any]) -> Graded:
    """Put the outputs of ``run`` into the notebook and score it by nbgrader's rules. ``marks`` go into its metadata."""
    from moi.grading.clean import clean_markdown, clean_raw

    names = [cell.name for cell in notebook.cells if cell.name]
    steps = [limit(config=config) for limit in _LIMITS]
    notes = [*staged.notes, *run.notes]
    scores: dict[str, float | None] = {}
    comments: dict[str, str | None] = {}
    nothing = "No response." if staged.readable else "The file that was handed in cannot be read as a notebook."
    cells, count = [], 0
    for place, (given, outputs) in enumerate(zip(staged.cells, run.outputs, strict=True)):
        cell = _cell(notebook, given, _id(notebook, given, place))
        if given.kind == "code" and given.source.strip():
            count += 1
            cell.execution_count = count
            cell.outputs = [nbformat.from_dict(copy.deepcopy(output)) for output in outputs]
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count
            for step in steps:
                cell, _ = step.preprocess_cell(cell, {}, place)
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if is_grade(cell):
            scores[name], strange = _score(cell)
            if strange:
                notes.append(f"the test {name} came to {strange}, which is no mark: a person has to give one")
        if is_solution(cell) or is_task(cell):
            untouched = cell.metadata.nbgrader.get("checksum") == compute_checksum(cell)
            comments[name] = nothing if untouched and not is_task(cell) else None
        if _written_by_learner(notebook, given):  # only now: the checksum is of what was handed in
            if given.kind == "markdown":
                cell.source = clean_markdown(given.source, cell.get("attachments"), names)
            elif given.kind == "raw":
                cell.source = clean_raw(given.source)
        cells.append(cell)
    whole = new_notebook(cells=cells)
    whole.metadata.update(copy.deepcopy(notebook.metadata))
    said = {"notes": list(dict.fromkeys(notes)), "unreadable": not staged.readable}
    whole.metadata["moi"] = {"grading": marks | {name: each for name, each in said.items() if each}}
    # Checked by whoever opens it: nbformat's check costs as much as all of the above.
    text = nbformat.v4.writes(whole) + "\n"
    return Graded(
        text.encode("utf-8", "replace"),
        scores,
        comments,
        dict(_answers(notebook, staged.cells)),
        tuple(dict.fromkeys(notes)),
        dict(run.seconds),
        staged.readable,
    )


def _by_learner(notebook: Notebook, given: StagedCell) -> bool:
    return given.cell is None or notebook.cells[given.cell].role in ("answer", "free")


def _written_by_learner(notebook: Notebook, given: StagedCell) -> bool:
    """Whether what stands in a cell may be other than what the author released there."""
    if given.cell is None:
        return True
    own = notebook.cells[given.cell]
    released = given.kind == own.kind and given.source == own.release
    return _by_learner(notebook, given) and not released


def _cell(notebook: Notebook, given: StagedCell, id_: str) -> Any:
    make = {"code": new_code_cell, "markdown": new_markdown_cell, "raw": new_raw_cell}[given.kind]
    own = None if given.cell is None else notebook.cells[given.cell]
    cell = make(given.source if own is None or _by_learner(notebook, given) else own.source, id=id_)
    attachments = (own.attachments if own else {}) | given.attachments
    if attachments and given.kind == "markdown":
        cell.attachments = nbformat.from_dict(attachments)
    if own is None:
        return cell
    if given.kind == own.kind:
        cell.metadata.update(nbformat.from_dict(copy.deepcopy(own.metadata)))
    if own.role in ("given", "test") and "checksum" in cell.metadata.get("nbgrader", {}):
        # As nbgrader keeps it in the gradebook: of the cell with its hidden tests.
        cell.metadata.nbgrader["checksum"] = compute_checksum(cell)
    return cell


def _id(notebook: Notebook, given: StagedCell, place: int) -> str:
    """The author's id, or one of our own that depends on nothing but the place."""
    if given.cell is not None and notebook.cells[given.cell].id:
        return notebook.cells[given.cell].id
    taken = {cell.id for cell in notebook.cells}
    own = f"moi-{place}"
    while own in taken:
        own += "-"
    return own


def _score(cell: Any) -> tuple[float | None, str]:
    """nbgrader's score of a cell; where the result is no mark, None and the result in words."""
    for output in cell.get("outputs", ()):
        if output.output_type == "error" or (output.output_type == "stream" and output.name == "stderr"):
            break
        if output.output_type == "execute_result":
            shown = output.get("data", {}).get("text/plain", "")
            text = "".join(shown) if isinstance(shown, list) else shown
            try:
                value = float(text)
            except ValueError:
                break
            # nbgrader stops at more than the cell's points, and gives all of them for less than nothing.
            if not math.isfinite(value) or not 0 <= value <= float(cell.metadata.nbgrader["points"]):
                return None, f"{value:g} points"
            break
    try:
        return determine_grade(cell)[0], ""
    except (KeyError, ValueError):  # a result that has no text
        return None, "a result without text"


def _answers(notebook: Notebook, staged: Sequence[StagedCell]) -> Iterator[tuple[str, str]]:
    """What each cell's score rests on: an answer on itself, a test on the learner's code, a task on all of it."""
    written = [(cell.kind, _content(cell)) for cell in staged if _by_learner(notebook, cell)]
    whole, code = _digest(repr(written)), _digest(repr([source for kind, source in written if kind == "code"]))
    for given in staged:
        if given.cell is not None and (own := notebook.cells[given.cell]).name:
            yield own.name, {"answer": _digest(_content(given)), "test": code}.get(own.role, whole)


def _content(given: StagedCell) -> str:
    return given.source + (repr(sorted(given.attachments.items())) if given.attachments else "")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
