"""The folder ``autograded/STUDENT/ASSIGNMENT``: replaced as a whole, with a record of what was graded in it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from moi.grading.course import Course

RECORD = ".moi-grade.json"


@dataclass(frozen=True)
class Record:
    """What tells that a submission is done. Holds digests only: feedback takes it along.

    A folder whose gradebook entries are not certain has a record too, with no digests in ``done``.
    """

    submission: str = ""  # nbgrader's id in the gradebook that has the grades
    done: dict[str, str] = field(default_factory=dict)  # notebook to digest of all that its grades depend on
    answers: dict[str, dict[str, str]] = field(default_factory=dict)  # notebook to cell to digest of the answer
    unsafe: list[str] = field(default_factory=list)  # notebooks that were graded without isolation
    versions: dict[str, str] = field(default_factory=dict)
    assignment: str = ""  # its digest
    late: float = 0.0  # seconds, as penalised
    penalty: float = 0.0  # points taken for it

    @classmethod
    def read(cls, folder: Path) -> Record:
        """The record in ``folder``; an empty one where there is none that can be read."""
        try:
            held = json.loads((folder / RECORD).read_text("utf-8"))
            return cls(**{name: type(getattr(cls(), name))(held[name]) for name in asdict(cls())})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls()


class Autograded:
    """Where the graded work of one student on one assignment stands."""

    def __init__(self, course: Course, student: str, assignment: str) -> None:
        self.course = course
        self.folder = course.folder(course.directory.autograded_directory, student, assignment)
        self._new = self.folder.parent / f".{self.folder.name}.moi-new"
        self._old = self.folder.parent / f".{self.folder.name}.moi-old"

    def notes(self, notebooks: Iterable[str]) -> dict[str, list[str]]:
        """What a person was to know of each of the graded ``notebooks``, as the run that graded them told it."""
        told: dict[str, list[str]] = {}
        for name in notebooks:
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                page = json.loads((self.folder / f"{name}.ipynb").read_bytes())
                told[name] = [*page["metadata"]["moi"]["grading"]["notes"]]
        return told

    def mend(self) -> None:
        """Put right what a run that was killed between two steps has left."""
        if os.path.lexists(self._old) and not os.path.lexists(self.folder):
            os.rename(self._old, self.folder)
        for left in (self._new, self._old):
            _remove(left)

    def record(self) -> Record:
        return Record.read(self.folder)

    def has(self, notebooks: Mapping[str, Any]) -> bool:
        """Whether the files of these ``notebooks`` are there."""
        return all((self.folder / f"{name}.ipynb").is_file() for name in notebooks)

    def replace(self, notebooks: Mapping[str, bytes | None], files: Mapping[str, bytes], before: Record) -> None:
        """Write the folder anew: these ``notebooks`` (None: not handed in), those not named as they are, ``files``.

        The record ``before`` goes along with nothing done, until :meth:`finish`. No link is followed, or kept.
        """
        self._new.parent.mkdir(parents=True, exist_ok=True)
        _remove(self._new)
        self._new.mkdir()
        kept = {path.name for path in self.folder.glob("*.ipynb") if path.is_file() and not path.is_symlink()}
        for name in sorted(kept - {f"{name}.ipynb" for name in notebooks}):
            shutil.copy(self.folder / name, self._new / name)
        for name, content in files.items():
            if name != RECORD:
                _write(self._inside(name), content, sync=False)
        for name, text in notebooks.items():
            if text is not None:
                _write(self._inside(f"{name}.ipynb"), text)
        _write(self._new / RECORD, _as_json(dataclasses.replace(before, done={})), sync=False)
        self._set_permissions()
        _sync(self._new)
        if os.path.lexists(self.folder):
            os.rename(self.folder, self._old)
        os.rename(self._new, self.folder)
        _sync(self.folder.parent)
        _remove(self._old)

    def finish(self, record: Record) -> None:
        """Say that the grades of ``record`` are in the gradebook: the last step of a submission."""
        made = self.folder / f"{RECORD}.new"
        _remove(made)  # of a run that was killed here
        _write(made, _as_json(record))
        os.chmod(made, self._mode)
        os.replace(made, self.folder / RECORD)

    @property
    def _mode(self) -> int:
        return int(str(self.course.autograde.permissions), 8)  # nbgrader writes them as a decimal number: 444

    def _inside(self, name: str) -> Path:
        path = self._new / name
        if os.path.isabs(name) or ".." in Path(name).parts:
            raise ValueError(f"a file called {name!r} does not lie in its folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _set_permissions(self) -> None:
        for folder, _, files in os.walk(self._new):
            for name in files:
                os.chmod(os.path.join(folder, name), self._mode)
            if self.course.directory.groupshared:
                _share(Path(folder))
        if self.course.directory.groupshared:
            _share(self._new.parent)
            _share(self.course.folder(self.course.directory.autograded_directory, ".", "."))


def _share(folder: Path) -> None:
    """Let the group of the instructors work in ``folder``, as nbgrader does."""
    mode = folder.stat().st_mode
    if mode & 0o2770 != 0o2770:
        try:
            folder.chmod((mode | 0o2770) & 0o2777)
        except PermissionError:
            logging.getLogger(__name__).warning("%s belongs to someone else; its permissions stay", folder)


def _write(path: Path, content: bytes, sync: bool = True) -> None:
    with open(path, "xb") as file:
        file.write(content)
        if sync:
            file.flush()
            os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _as_json(record: Record) -> bytes:
    return (json.dumps(asdict(record), indent=1, sort_keys=True) + "\n").encode()
