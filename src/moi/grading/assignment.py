"""An instructor's assignment, read once: each cell's own text, its release, and what grading has to know of it."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import math
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

# nbformat checks notebooks by jsonschema, which would import this for addresses, of which a notebook has none. It
# builds a grammar as it is imported, and that takes longer than to grade a submission.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

import nbformat  # noqa: E402
from traitlets.config import Config, JSONFileConfigLoader, PyFileConfigLoader  # noqa: E402

from moi.grading.reference import Analysis, Code  # noqa: E402

Role = Literal["given", "free", "answer", "test"]
Kind = Literal["code", "markdown", "raw"]


class AssignmentError(Exception):
    """The instructor's assignment cannot be used as it stands; ``str(error)`` names the notebook, cell and reason."""


@dataclass(frozen=True)
class Cell:
    """A cell of the author's notebook, as the author wrote it and as learners get it.

    ``given`` is the author's and locked, tasks included; ``free`` is the author's too, but a learner may edit or
    delete it; ``answer`` is written by the learner, whether code or text, graded by hand or not; ``test`` is code that
    earns points.
    """

    role: Role
    kind: Kind
    name: str  # nbgrader's grade_id, "" where there is none
    id: str  # nbformat's, "" where the file has none
    source: str
    release: str
    points: float  # 0 if it earns none
    hidden: tuple[tuple[int, int], ...]  # first and last line of each region of hidden tests in source, counted from 1
    metadata: dict[str, Any]  # as in the release, with nbgrader's checksum
    attachments: dict[str, dict[str, str]] = field(default_factory=dict)  # of a Markdown cell, as nbformat has them


@dataclass(frozen=True)
class Notebook:
    name: str
    cells: tuple[Cell, ...]
    metadata: dict[str, Any]  # kernelspec and language_info
    imports: tuple[str, ...]  # full dotted names of the modules that any code cell imports
    learner_names: tuple[str, ...]  # what the reference solution binds or changes in place at module level
    special_methods: tuple[str, ...]  # names such as "__eq__" that classes of the reference solution have


@dataclass(frozen=True)
class Assignment:
    name: str
    notebooks: tuple[Notebook, ...]
    files: dict[str, bytes]  # the other files of the source folder, by relative path
    digest: str  # SHA-256 of what the author wrote; the same in every run


def read_assignment(folder: Path, name: str, config: Config | None = None) -> Assignment:
    """Read the assignment ``name`` of the nbgrader course in ``folder``.

    ``config`` holds nbgrader's settings; without it, those of ``nbgrader_config.py`` (or ``.json``) in ``folder`` are
    used. nbgrader's own preprocessors make the release text, in memory. Raises :class:`AssignmentError`.
    """
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.utils import find_all_files

    folder = Path(folder).resolve()
    if not name or name.startswith(".") or any(mark in name for mark in "/\\+\0") or name != name.strip():
        raise AssignmentError(f"{name!r} cannot be the name of an assignment")
    with _told(f"the settings of the course in {folder}"):
        config = copy.deepcopy(config) if config is not None else course_config(folder)
        config.CourseDirectory.root = str(folder)
        course = CourseDirectory(config=config)
        source = Path(course.format_path(course.source_directory, ".", name)).resolve()
    found = sorted(file for file in source.glob(course.notebook_id + ".ipynb") if not file.name.startswith("."))
    if not found:
        raise AssignmentError(f"there is no notebook in {source}")
    with _told(f"the files beside the notebooks in {source}"):
        names = sorted(find_all_files(str(source), [*course.ignore, "*.ipynb"]))
        files = {
            Path(file).relative_to(source).as_posix(): Path(file).read_bytes() for file in names if os.path.isfile(file)
        }
    own = {Path(file).parts[0].removesuffix(".py") for file in files}
    notebooks = tuple(_read_notebook(file, course, config, name, own) for file in found)
    return Assignment(name, notebooks, files, _digest(name, notebooks, files))


def course_config(folder: Path) -> Config:
    """The settings in ``nbgrader_config.json`` and ``nbgrader_config.py`` of ``folder``; the latter wins."""
    config = Config()
    for loader in (JSONFileConfigLoader, PyFileConfigLoader):
        file = "nbgrader_config" + (".py" if loader is PyFileConfigLoader else ".json")
        if (folder / file).exists():
            config.merge(loader(file, path=str(folder)).load_config())
    return config


def _read_notebook(file: Path, course: Any, config: Config, assignment: str, own: set[str]) -> Notebook:
    from nbgrader.nbgraderformat import MetadataValidator
    from nbgrader.preprocessors import ClearSolutions, IncludeHeaderFooter, LockCells
    from nbgrader.utils import is_task

    where = f"{assignment}/{file.name}"
    with _told(where):
        nb = nbformat.reads(file.read_text(encoding="utf-8-sig"), as_version=4)
        ids = _ids(file)
    if not nb.get("cells"):
        raise AssignmentError(f"{where}: the notebook has no cells")
    _require_python(nb.metadata, where)
    # Some preprocessors of nbgrader look for their files in the folder of the course.
    with _told(where), contextlib.chdir(course.root):
        steps, marks = _steps(course, config)
        resources: Any = {
            "nbgrader": {"assignment": assignment, "notebook": file.stem, "student": ".", "db_url": ""},
            "metadata": {"path": str(file.parent), "name": file.stem},
        }
        clearing = [place for place, step in enumerate(steps) if isinstance(step, (LockCells, ClearSolutions))]
        start = min(clearing, default=len(steps))  # before it, cells are added and tests written
        for step in steps[:start]:
            nb, resources = step(nb, resources)
            if isinstance(step, IncludeHeaderFooter):
                ids |= {found for file in (step.header, step.footer) if file for found in _ids(Path(file))}
        _require_sound(nb, where)
        MetadataValidator().validate_nb(nb)
        sources = [cell.source for cell in nb.cells]
        for place, cell in enumerate(nb.cells):
            cell.metadata["moi"] = place
        for step in steps[start:]:
            nb, resources = step(nb, resources)
    cells, codes = [], []
    for cell in nb.cells:
        place = cell.metadata.pop("moi", None)
        source = cell.source if place is None else sources[place]
        meta = cell.metadata.get("nbgrader", {})
        role: Role = "free"
        if meta.get("solution"):
            role = "answer"
        elif meta.get("grade"):
            role = "test"
        elif meta.get("locked") or is_task(cell):
            role = "given"
        cells.append(
            Cell(
                role=role,
                kind=cell.cell_type,
                name="" if role == "free" else meta["grade_id"],
                id=cell.get("id", "") if cell.get("id") in ids else "",
                source=source,
                release=cell.source,
                points=float(meta.get("points", 0)) if meta.get("grade") or is_task(cell) else 0.0,
                hidden=_regions(source, *marks) if role == "test" else (),
                metadata=json.loads(json.dumps(cell.metadata)),
                attachments=json.loads(json.dumps(cell.get("attachments", {}))),
            )
        )
        if cell.cell_type == "code":
            try:
                codes.append((role, Code(source)))
            except (SyntaxError, ValueError, RecursionError) as failure:
                # What learners may delete, or what is meant to fail, need not be sound.
                if role != "free" and "raises-exception" not in cell.metadata.get("tags", ()):
                    raise AssignmentError(f"{where}, {_called(cell, len(cells))}: {failure}") from None
    found = Analysis.of(codes)
    return Notebook(
        name=file.stem,
        cells=tuple(cells),
        metadata={key: json.loads(json.dumps(nb.metadata[key])) for key in _KEPT if key in nb.metadata},
        imports=tuple(module for module in found.imports if module.partition(".")[0] not in own),
        learner_names=found.learner_names,
        special_methods=found.special_methods,
    )


_KEPT = ("kernelspec", "language_info")


def _steps(course: Any, config: Config) -> tuple[list[Any], tuple[str, str]]:
    """The steps of the course's ``nbgrader generate_assignment``, the gradebook left out; the marks of hidden tests."""
    from nbgrader.converters import GenerateAssignment
    from nbgrader.preprocessors import ClearHiddenTests, SaveCells

    converter = GenerateAssignment(coursedir=course, config=config)
    exporter = converter.exporter_class(parent=converter, config=converter.config)
    for preprocessor in converter.preprocessors:
        exporter.register_preprocessor(preprocessor)
    hiding = ClearHiddenTests(parent=exporter)
    steps = [step for step in exporter._preprocessors if not isinstance(step, SaveCells)]
    return steps, (hiding.begin_test_delimeter, hiding.end_test_delimeter)


def _require_python(metadata: Any, where: str) -> None:
    kernel = metadata.get("kernelspec", {})
    language = kernel.get("language") or metadata.get("language_info", {}).get("name") or ""
    known = language.lower() in ("python", "python3", "ipython") if language else "py" in kernel.get("name", "python")
    if not known:
        raise AssignmentError(f"{where}: its language is {language or kernel.get('name')}; only Python can be graded")


def _require_sound(nb: Any, where: str) -> None:
    """Raise for what nbgrader's own check does not find, or does not tell which cell it is in."""
    from nbgrader.utils import is_grade, is_locked, is_solution, is_task

    seen: dict[str, int] = {}
    for number, cell in enumerate(nb.cells, start=1):
        meta = cell.metadata.get("nbgrader")
        if meta is None:
            continue
        here = f"{where}, {_called(cell, number)}"
        if not isinstance(meta, dict):
            raise AssignmentError(f"{here}: its nbgrader metadata are no dictionary")
        if meta.get("schema_version", 0) < 3:
            raise AssignmentError(f"{here}: its nbgrader metadata are of an old version: run `nbgrader update` on it")
        if not (is_grade(cell) or is_solution(cell) or is_locked(cell) or is_task(cell)):
            continue
        name = meta.get("grade_id")
        if not isinstance(name, str) or not name:
            raise AssignmentError(f"{here}: it has no grade_id")
        if name in seen:
            raise AssignmentError(f"{here}: cell {seen[name]} has the same grade_id")
        seen[name] = number
        points = meta.get("points")
        if is_grade(cell) or is_task(cell):
            if points is None:
                raise AssignmentError(f"{here}: it is graded but has no points")
            is_number = isinstance(points, (int, float)) and not isinstance(points, bool)
            if not is_number or not math.isfinite(points) or points < 0:
                raise AssignmentError(f"{here}: its points are {points!r}; a number from 0 upwards is needed")
        if is_grade(cell) and not is_solution(cell) and cell.cell_type != "code":
            raise AssignmentError(f"{here}: a {cell.cell_type} cell cannot be a test, only an answer graded by hand")


def _regions(source: str, begin: str, end: str) -> tuple[tuple[int, int], ...]:
    found, first = [], 0
    for number, line in enumerate(source.split("\n"), start=1):
        if begin in line:
            first = number
        elif end in line and first:
            found.append((first, number))
            first = 0
    return tuple(found)


def _ids(file: Path) -> set[str]:
    """The cell ids that stand in a notebook; nbformat makes up random ones for cells without."""
    content = json.loads(file.read_text(encoding="utf-8-sig"))
    listed = [cell.get("id") for cell in content.get("cells", ())]
    return {found for found in listed if found and listed.count(found) == 1}


def _called(cell: Any, number: int) -> str:
    meta = cell.metadata.get("nbgrader")
    name = meta.get("grade_id") if isinstance(meta, dict) else None
    return f"cell {number} ({name})" if name else f"cell {number}"


def _digest(name: str, notebooks: tuple[Notebook, ...], files: dict[str, bytes]) -> str:
    # Imports are left out: what of them is a module depends on what is installed.
    content = [{**asdict(notebook), "imports": ()} for notebook in notebooks]
    hashes = {file: hashlib.sha256(data).hexdigest() for file, data in files.items()}
    text = json.dumps([name, content, hashes], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


@contextlib.contextmanager
def _told(where: str) -> Iterator[None]:
    """Turn whatever goes wrong into an :class:`AssignmentError` that starts with ``where``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of nbformat, about missing ids
            yield
    except AssignmentError:
        raise
    except Exception as failure:
        reason = getattr(failure, "message", None) or str(failure) or type(failure).__name__
        raise AssignmentError(f"{where}: {' '.join(str(reason).split())}") from failure
