"""An nbgrader course folder and its configuration, found and read as nbgrader itself does."""

from __future__ import annotations

import difflib
import glob
import logging
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nbgrader.apps import AutogradeApp, NbGraderApp
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import Execute
from traitlets import TraitError
from traitlets.config import Config, Configurable


class CourseError(Exception):
    """The course folder, or what is asked of it, cannot be used; ``str(error)`` says why, for the instructor."""


@dataclass(frozen=True)
class Course:
    """A course: its folder, nbgrader's configuration for it, and nbgrader's view of its folders."""

    root: Path
    config: Config
    directory: CourseDirectory

    @classmethod
    def find(cls, folder: Path | None = None, db_url: str | None = None) -> Course:
        """The course of ``folder`` (by default the current one), its gradebook at ``db_url`` where that is given."""
        if folder is not None and not folder.is_dir():
            raise CourseError(f"there is no folder {folder}")
        app = AutogradeApp(log_level=logging.ERROR)
        app.raise_config_file_errors = True  # grading with half a configuration would use another gradebook
        app.load_cwd_config = folder is None
        try:
            app.initialize([], root=str(folder.resolve()) if folder else "")
            config = app.config
            if folder is not None:
                config.CourseDirectory.root = str(folder.resolve())
                sys.path.insert(0, config.CourseDirectory.root)  # where plugins of the course may live
            if db_url is not None:
                config.CourseDirectory.db_url = db_url
            directory = CourseDirectory(config=config)
            found = cls(Path(directory.root), config, directory)
        except SystemExit:  # nbgrader's way to refuse a value; it has said which
            raise CourseError("nbgrader_config.py holds a value that nbgrader does not take") from None
        except (Exception, TraitError) as failure:
            raise CourseError(f"nbgrader_config.py cannot be read: {type(failure).__name__}: {failure}") from failure
        try:  # nbgrader would refuse these later
            _ = found.autograde, found.timeout
        except Exception as failure:
            raise CourseError(f"nbgrader_config.py holds a value that nbgrader does not take: {failure}") from failure
        return found

    @cached_property
    def autograde(self) -> Autograde:
        """nbgrader's converter, for its settings: permissions, ``create_student``, ``exclude_overwriting``."""
        return Autograde(coursedir=self.directory, config=self.config)

    def ignored(self) -> list[str]:
        """The settings of nbgrader's autograde that this course makes and that ``moi grade`` could not follow."""
        usual = Autograde(coursedir=self.directory)
        names = ("pre_convert_hook", "post_convert_hook", "sanitize_preprocessors", "autograde_preprocessors")
        return [f"Autograde.{name}" for name in names if getattr(self.autograde, name) != getattr(usual, name)]

    def unknown(self) -> list[str]:
        """The settings that nbgrader does not have, each with what may have been meant."""
        every = (cls for configurable in NbGraderApp().all_configurable_classes() for cls in configurable.mro())
        known = {cls.__name__: cls.class_trait_names(config=True) for cls in every if issubclass(cls, Configurable)}
        return [
            f"{section}.{name}{nearest(name, known[section])}"
            for section, settings in self.config.items()
            for name in settings
            if section in known and name not in known[section] and not name[0].isupper()  # those are sections within
        ]

    def misplaced(self, notebooks: Sequence[str]) -> list[str]:
        """What lies beside the students' folders, or in them where those of assignments should."""
        where = self.folder(self.directory.submitted_directory, ".", "")
        shapes = ("*.ipynb", "*.zip", *(f"*/{glob.escape(name)}.ipynb" for name in notebooks))
        found = {path for shape in shapes for path in where.glob(shape)}
        return sorted(str(path.relative_to(where.parent)) for path in found)

    @property
    def timeout(self) -> float | None:
        """Seconds that a cell may take; None for no limit."""
        seconds = Execute(config=self.config).timeout
        return None if seconds is None or seconds <= 0 else float(seconds)

    def folder(self, step: str, student: str, assignment: str) -> Path:
        """Where nbgrader keeps the work of ``student`` on ``assignment`` at ``step`` (submitted_directory, …)."""
        return Path(os.path.normpath(self.directory.format_path(step, student, assignment)))

    def assignments(self) -> list[str]:
        """The names of all assignments that have a source."""
        return self._there(self.directory.source_directory, ".", None)

    def must_have(self, assignment: str) -> None:
        """Raise :class:`CourseError` unless the assignment has a source."""
        if assignment not in (there := self.assignments()):
            where = self.folder(self.directory.source_directory, ".", "")
            raise CourseError(f"there is no assignment {assignment!r} in {where}{nearest(assignment, there)}")

    @property
    def left_out(self) -> set[str]:
        """The students whom ``student_id_exclude`` leaves out."""
        return set(self.directory.student_id_exclude.split(","))

    def students(self, assignment: str) -> list[str]:
        """Who has handed in ``assignment``, but for those who are left out."""
        found = self._there(self.directory.submitted_directory, None, assignment)
        return [student for student in found if student not in self.left_out]

    def _there(self, step: str, student: str | None, assignment: str | None) -> list[str]:
        """What stands on disk in place of the one that is None."""
        mark = "\0"  # stands in no path
        path = str(self.folder(step, mark if student is None else student, mark if assignment is None else assignment))
        shape = re.compile(re.escape(path).replace(mark, "([^/]+)"))
        found = (shape.fullmatch(there) for there in glob.glob(glob.escape(path).replace(mark, "*")))
        return sorted(match[1] for match in found if match)


def nearest(name: str, there: Sequence[str]) -> str:
    """The end of a message about a name that is not there: what may have been meant, or all that there is."""
    if near := difflib.get_close_matches(name, there, 1):
        return f"; did you mean {near[0]!r}?"
    return f"; there are: {', '.join(there[:10])}{', …' if len(there) > 10 else ''}" if there else ""
