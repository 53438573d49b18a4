"""Derives ``exercises/`` from ``solutions/`` through nbgrader: ``python -m moi.grading.exercises``."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
IGNORED = shutil.ignore_patterns(".*", "__pycache__")


class CourseError(Exception):
    """A release that could not be made; ``str(error)`` says why."""


def assignments(course: Path = ROOT) -> list[str]:
    """The names of all assignments that have a source."""
    return sorted(notebook.parent.name for notebook in (course / "solutions").glob("*/*.ipynb"))


def course_api(folder: Path, course: Path = ROOT) -> Any:
    """nbgrader's API with the settings of ``course``, at work in ``folder``, where its database is kept too."""
    # nbgrader starts alembic and kernels by name: they stand beside this Python, which need not be on the path.
    beside = str(Path(sys.executable).parent)
    if beside not in (path := os.environ.get("PATH", "")).split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([beside, path])

    from nbgrader.apps import NbGraderAPI
    from traitlets.config import PyFileConfigLoader

    config = PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()
    config.CourseDirectory.root = str(folder)
    config.CourseDirectory.db_url = f"sqlite:///{folder / 'gradebook.db'}"
    config.NbGraderAPI.log_level = logging.ERROR
    return NbGraderAPI(config=config)


def done(result: dict[str, Any]) -> None:
    """Raise :class:`CourseError` with nbgrader's own words unless ``result`` is a success."""
    if not result["success"]:
        raise CourseError("\n".join(filter(None, (result.get("log"), result.get("error")))))


def generate(folder: Path, course: Path = ROOT) -> Path:
    """Make the release of every assignment of ``course`` in ``folder``, and its database; return the release."""
    for name in assignments(course):
        shutil.copytree(course / "solutions" / name, folder / "solutions" / name, ignore=IGNORED)
    api = course_api(folder, course)
    for name in assignments(course):
        done(api.generate_assignment(name))
    return folder / "exercises"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m moi.grading.exercises", description=__doc__)
    parser.add_argument("course", nargs="?", type=Path, default=ROOT, help="the folder of the course")
    course = parser.parse_args(arguments).course.resolve()
    if not assignments(course):
        print(f"There is no assignment in {course / 'solutions'}.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        try:
            made = generate(Path(folder).resolve(), course)
        except CourseError as failure:
            print(failure, file=sys.stderr)
            return 1
        shutil.rmtree(course / "exercises", ignore_errors=True)
        shutil.copytree(made, course / "exercises")
    print(f"exercises/: {', '.join(assignments(course))}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
