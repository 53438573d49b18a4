"""Grading a class: ``nbgrader autograde`` and ``moi grade`` on the same submissions, against the cells alone."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench import Table, grading_course
from moi.grading import demo_class

STUDENTS = 24
DEMONSTRATION = "common-aims"
LEAST, AIM, LEAST_OF_TWO = 6, 12, 1.8
BESIDE = "beside, in the coordinator: "
PARTS = {  # as the summary of `moi grade --json` calls them
    "stage": "the file taken apart",
    "fork": "processes forked and shut in",
    "cells": "the learner's cells",
    "judging": "the test cells",
    "cleaning": "outputs made harmless",
    "page": "scores, and the notebook written",
    "folder": f"{BESIDE}autograded/ written",
    "gradebook": f"{BESIDE}the gradebook",
}


@dataclass(frozen=True)
class Ran:
    """One command over a class: how long it took, when each submission was finished, what it said and gave."""

    seconds: float
    finished: list[float]  # s since the epoch
    said: dict[str, Any]
    scores: dict[tuple[str, ...], tuple[Any, ...]]

    @property
    def each(self) -> float:
        """ms a submission, of the whole command."""
        return 1000 * self.seconds / len(self.finished)

    def between(self, workers: int, first: int = 0, last: int | None = None) -> float:
        """ms from one submission to the next while all workers are at work: without the start and the end."""
        busy = len(self.finished) - workers + 1  # after so many the first of them finds nothing more to do
        times = self.finished[max(first, workers) - 1 : min(last or busy, busy)]
        return 1000 * (times[-1] - times[0]) / (len(times) - 1)


def measure(browser: object, site: object, work: Path, less: int) -> list[Table]:
    """A class of the small course, and one of this course's demonstration."""
    count = STUDENTS if less == 1 else 6
    small = work / "small"
    grading_course.make(small, count)
    demonstration = work / "demonstration"
    demo_class.make(demonstration, DEMONSTRATION, count)
    return [
        _compared("six functions, 12 points", small, grading_course.NAME, 1 if less > 1 else 3),
        _compared(f"the class of {DEMONSTRATION}", demonstration, DEMONSTRATION, 1 if less > 1 else 3),
    ]


def thousand(browser: object, site: object, work: Path, less: int) -> list[Table]:
    """The same few submissions under a thousand names: what a submission costs at the start and at the end."""
    name, count, few = grading_course.NAME, 1000 // less, 6
    folder = work / "thousand"
    grading_course.make(folder, few)
    for number in range(few, count):
        theirs = folder / "submitted" / f"student-{number:04}"
        shutil.copytree(folder / "submitted" / f"student-{number % few:04}", theirs)
    memory: list[tuple[float, int, int]] = []
    ran = _grade(folder, name, 2, lambda pid: memory.append((time.time(), *_memory(pid))))
    if len(ran.finished) != count:
        raise RuntimeError(f"{len(ran.finished)} of {count} were graded: {ran.said['problems']}")

    tenth = count // 10
    words = "Start and end apart. Flat: the last cost what the first did."
    cost = Table(f"A class of {count}, two workers", "ms a submission", words)
    tenths = [ran.between(2, start, start + tenth) for start in range(0, count, tenth)]
    first = cost.add(f"the first {tenth}", tenths[:1])
    cost.add(f"the last {tenth}", tenths[-1:], first)
    cost.add("all tenths", tenths, first)
    held = Table(f"A class of {count}: memory of the coordinator", "MB")
    reached = next(((rss, top) for at, rss, top in memory if at >= ran.finished[tenth - 1]), (0, 0))
    early = held.add(f"after the first {tenth}", [reached[0] / 1000])
    held.add("at its peak", [max(top for _, _, top in memory) / 1000], early)
    return [cost, held]


def _compared(title: str, folder: Path, name: str, repeat: int) -> Table:
    count = len(list((folder / "submitted").iterdir()))
    _run(folder, "nbgrader", "generate_assignment", name, "--create", "--force")
    stock = _fresh(folder, lambda copy: _autograde(copy, name))
    ones, twos, floors = [], [], []
    for _ in range(repeat):
        twos.append(_fresh(folder, lambda copy: _grade(copy, name, 2)))
        ones.append(_fresh(folder, lambda copy: _grade(copy, name, 1)))
        floors.append(_floor(folder, name))
    for ran in (*ones, *twos):
        both = stock.scores.keys() | ran.scores.keys()
        if differing := [key for key in both if stock.scores.get(key) != ran.scores.get(key)]:
            key = min(differing)
            raise RuntimeError(
                f"{len(differing)} of {len(stock.scores)} scores differ, as that of {', '.join(key)}: "
                f"(score, by hand, penalty) {stock.scores.get(key)} in stock, {ran.scores.get(key)} here"
            )

    table = Table(f"Grading {title}: {count} submissions", "ms a submission")
    reference = table.add("nbgrader autograde, whole command", [stock.each])
    one = table.add("moi grade, one worker, whole command", [ran.each for ran in ones], reference)
    two = table.add("moi grade, two workers, whole command", [ran.each for ran in twos], reference)
    alone = table.add("nbgrader autograde, start and end apart", [stock.between(1)])
    one_alone = table.add("moi grade, one worker, start and end apart", [ran.between(1) for ran in ones], alone)
    two_alone = table.add("moi grade, two workers, start and end apart", [ran.between(2) for ran in twos], alone)
    floor = table.add("the cells alone, in a warm fork", [1000 * sum(f) / len(f) for f in floors], alone)
    spent = [{part: 1000 * seconds / count for part, seconds in ran.said["seconds"].items()} for ran in ones]
    for part, words in PARTS.items():
        table.add(f"  {words}", [s.get(part, 0.0) for s in spent], one_alone)
        if part == "cleaning":
            parts = list(PARTS)[1 : list(PARTS).index(part) + 1]
            table.add("  the rest of a run", [s["run"] - sum(s.get(p, 0.0) for p in parts) for s in spent], one_alone)
    busy = [s["stage"] + s["run"] + s["page"] for s in spent]
    waits = [max(0.0, value - b) for value, b in zip(one_alone.values, busy, strict=True)]
    table.add("  dispatch, and a worker's waiting", waits, one_alone)
    start = median(ran.said["seconds"]["start"] for ran in ones), median(ran.said["seconds"]["start"] for ran in twos)
    table.notes = (
        f"Two workers are {reference.median / two.median:.1f} times as fast as stock by whole commands, "
        f"{alone.median / two_alone.median:.1f} start and end apart (at least {LEAST}, aim {AIM}).\n"
        f"Two workers are {one_alone.median / two_alone.median:.2f} times as fast as one start and end apart "
        f"(at least {LEAST_OF_TWO}), {one.median / two.median:.2f} by whole commands.\n"
        f"One worker takes {one_alone.median / floor.median:.1f} times the floor: the same cells, tests among them, in "
        f"a fork of a warm\nprocess with no walls, no boundary and no gradebook.\n"
        f"All {len(stock.scores)} scores are the same in stock, with one worker and with two.\n"
        f"Workers and benches take {start[0]:.1f} s to start for one, {start[1]:.1f} s for two, once. "
        f"{len(os.sched_getaffinity(0))} processors could be used.\n"
        "Indented: the parts of a submission with one worker, and their share of its time. The coordinator's goes on\n"
        "beside them."
    )
    return table


def _autograde(folder: Path, name: str) -> Ran:
    seconds = _run(folder, "nbgrader", "autograde", name)
    return Ran(seconds, _finished(folder, name, f"{name}.ipynb"), {}, _scores(folder))


def _grade(folder: Path, name: str, workers: int, watch: Callable[[int], None] | None = None) -> Ran:
    with tempfile.TemporaryFile("w+") as into:
        seconds = _run(
            folder, "moi", "grade", name, "--workers", str(workers), "--timeout", "60", "--json", out=into, watch=watch
        )
        into.seek(0)
        said = json.loads(into.read())
    if said["problems"]:
        raise RuntimeError(f"not all were graded: {said['problems']}")
    return Ran(seconds, _finished(folder, name, ".moi-grade.json"), said, _scores(folder))


def _floor(folder: Path, name: str) -> list[float]:
    script = Path(__file__).with_name("grading_floor.py")
    ended = subprocess.run([sys.executable, script, folder, name], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"the cells alone do not run:\n{ended.stderr[-2000:]}")
    seconds: list[float] = json.loads(ended.stdout)
    return seconds


def _fresh(folder: Path, run: Callable[[Path], Ran]) -> Ran:
    copy = folder.with_name(f"{folder.name}-graded")
    shutil.copytree(folder, copy)
    try:
        return run(copy)
    finally:
        shutil.rmtree(copy)


def _run(folder: Path, *command: str, out: Any = None, watch: Callable[[int], None] | None = None) -> float:
    """Run one of the environment's commands in ``folder``; return its seconds."""
    program = Path(sys.executable).with_name(command[0])
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryFile("w+") as errors:
        path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader starts alembic by its name
        environment = os.environ | {"JUPYTER_CONFIG_DIR": empty, "PATH": path}  # no settings of whoever runs this
        start = time.perf_counter()
        with subprocess.Popen(
            [program, *command[1:]], cwd=folder, env=environment,
            stdin=subprocess.DEVNULL, stdout=out or errors, stderr=errors,
        ) as process:  # fmt: skip
            while watch:
                watch(process.pid)
                try:
                    process.wait(0.5)
                    break
                except subprocess.TimeoutExpired:
                    continue
            process.wait()
        seconds = time.perf_counter() - start
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{errors.read()[-2000:]}")
    return seconds


def _finished(folder: Path, name: str, last: str) -> list[float]:
    """When the file ``last``, that is written last, was written for each student."""
    return sorted(path.stat().st_mtime for path in folder.glob(f"autograded/*/{name}/{last}"))


def _scores(folder: Path) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """(Student, notebook, cell) to score, whether a person is to mark it, and the penalty of the notebook."""
    with closing(sqlite3.connect(folder / "gradebook.db")) as book:
        rows = book.execute(
            "SELECT handed.student_id, notebook.name, cell.name, grade.auto_score, grade.needs_manual_grade, "
            "theirs.late_submission_penalty FROM grade JOIN base_cell AS cell ON grade.cell_id = cell.id "
            "JOIN submitted_notebook AS theirs ON grade.notebook_id = theirs.id "
            "JOIN notebook ON theirs.notebook_id = notebook.id "
            "JOIN submitted_assignment AS handed ON theirs.assignment_id = handed.id"
        )
        return {row[:3]: row[3:] for row in rows}


def _memory(pid: int) -> tuple[int, int]:
    """What a process holds now and has held at most, in kB."""
    try:
        lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return int(lines["VmRSS"].split()[0]), int(lines["VmHWM"].split()[0])
    except (OSError, KeyError):  # it has just ended
        return 0, 0
