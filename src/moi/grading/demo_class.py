"""Makes a demonstration class: made-up students, each with mistakes of their own, in an nbgrader course folder.

``python -m moi.grading.demo_class FOLDER`` makes ``FOLDER`` with the work of thirty students on one assignment. The
work is put together from the answers that the tests of the assignment keep, in ``tests/exercises/<assignment>``
(another folder with ``--answers``): a notebook as released, the solution's answers in it, and in their place the
student's own, wrong, right or in words. The same call always makes the same class.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import random
import re
import shutil
import sys
import tomllib
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from moi.grading.exercises import IGNORED, ROOT

DUE = datetime.datetime(2026, 1, 16, 17, 0)  # UTC
_NAMES = """
    Amara Bao Chiara Dmitri Elif Farid Grace Hana Ivo Jamila Kofi Leila Mateo Nadia Oisin Priya Quentin Rosa Sven Tala
    Umar Vera Wanjiru Xin Yusuf Zoe Anil Birgit Cheng Dalia Emeka Freya Goran Hiba Ines Jonas Kavita Lars Mina Noor
"""
NAMES = _NAMES.split()
# What is special about a student, by number; the others hand in everything, on time, with some mistakes.
SPECIAL = {1: "late", 2: "faultless", 3: "unfinished", 4: "empty", 12: "faultless", 15: "unfinished", 22: "faultless"}
MISTAKES = (3, 1, 2, 5, 2, 4, 1, 6, 3, 2)  # how many a student makes, in turn
ANSWERED = 0.6  # the part of the tasks that an unfinished student has reached
NO_WORDS = "*(Made up: nobody wrote an answer in words for this student.)*"
_MARKER = re.compile(r"^[ ]*### (BEGIN|END) SOLUTION\n?", re.MULTILINE)


class DemoError(Exception):
    """A class that could not be made; ``str(error)`` says why."""


@dataclass(frozen=True)
class Answer:
    """An answer that stands in for the solution's: a whole ``source``, or ``change`` replaced by ``to`` in it.

    A wrong one ``loses`` points, as it ``fails`` these ideas of its task; what the learner is told ``says`` this. One
    that is ``passed_by_stock`` loses nothing where the tests run beside the answers.
    """

    name: str
    cell: str
    source: str = ""
    change: str = ""
    to: str = ""
    loses: float = 0
    fails: Sequence[str] = field(default=(), hash=False)
    says: str = ""
    passed_by_stock: bool = False

    def instead_of(self, solution: str) -> str:
        """The source of the cell with this answer in it."""
        if self.source:
            return self.source.strip()
        if solution.count(self.change) != 1:
            raise DemoError(f"{self.name}: {self.change!r} must stand once in the solution's cell {self.cell}.")
        return solution.replace(self.change, self.to)


@dataclass(frozen=True)
class Student:
    """One made-up student: who it is, when the work came in, and what stands in it."""

    number: int
    kind: str  # "late", "faultless", "unfinished", "empty" or "ordinary"
    handed_in: datetime.datetime
    reached: int  # how many answer cells are filled in
    wrong: tuple[Answer, ...]
    right: tuple[Answer, ...]
    words: dict[str, str]  # cell to text, for whoever reaches the end

    @property
    def id(self) -> str:
        return f"madeup-{self.number:02d}"


@dataclass(frozen=True)
class Assignment:
    """One assignment, released and solved, with the answers known for it."""

    name: str
    released: NotebookNode
    solved: dict[str, str]  # code cell to its solution
    in_words: tuple[str, ...]
    wrong: tuple[Answer, ...]
    right: tuple[Answer, ...]
    words: dict[str, list[str]]  # cell marked by hand to the texts that students write there

    @classmethod
    def read(cls, name: str, answers: Path | None = None, course: Path = ROOT) -> Assignment:
        """Read the assignment ``name`` of ``course``, and its answers; raises :class:`DemoError`."""
        answers = answers or answers_to(name)
        solution, released = (read_notebook(course / kind / name) for kind in ("solutions", "exercises"))
        graded = [cell for cell in solution.cells if cell.metadata.get("nbgrader", {}).get("solution")]
        words = answers / "words.toml"
        read = cls(
            name,
            released,
            {c.id: _MARKER.sub("", c.source) for c in graded if c.cell_type == "code"},
            tuple(c.id for c in graded if c.cell_type == "markdown"),
            read_answers(answers / "wrong"),
            read_answers(answers / "right"),
            tomllib.loads(words.read_text("utf-8")) if words.is_file() else {},
        )
        if not read.wrong:
            raise DemoError(f"There are no wrong answers in {answers / 'wrong'}: without them nobody makes a mistake.")
        for answer in (*read.wrong, *read.right):
            if answer.cell not in read.solved:
                raise DemoError(f"{answer.name}: {name} has no answer cell {answer.cell}.")
        return read

    def work(self, student: Student) -> NotebookNode:
        """The notebook that ``student`` hands in."""
        notebook: NotebookNode = nbformat.from_dict(self.released)
        own = {answer.cell: answer for answer in (*student.right, *student.wrong)}
        reached = list(self.solved)[: student.reached]
        for cell in notebook.cells:
            if cell.id in reached:
                solution = self.solved[cell.id]
                answer = own[cell.id].instead_of(solution) if cell.id in own else solution
                cell.source = answer.strip()
            elif cell.id in student.words and len(reached) == len(self.solved):
                cell.source = student.words[cell.id]
        return notebook


def students(assignment: Assignment, count: int) -> list[Student]:
    """``count`` students, no two with the same answers; raises :class:`DemoError` where there are too few answers."""
    if not 1 <= count <= len(NAMES):
        raise DemoError(f"A class has from 1 to {len(NAMES)} students; got {count}.")
    chance = random.Random(assignment.name)
    kinds = {number: SPECIAL.get(number, "ordinary") for number in range(1, count + 1)}
    reached = {number: _reached(kind, len(assignment.solved)) for number, kind in kinds.items()}
    hands = _dealt(assignment, kinds, reached, chance)
    words = {cell: _dealt_words(assignment.words.get(cell, []), count, chance) for cell in assignment.in_words}
    made = []
    for number, kind in kinds.items():
        taken = {answer.cell for answer in hands[number]}
        others = [a for a in assignment.right if a.cell not in taken]
        ways = {a.cell: a for a in chance.sample(others, len(others)) if chance.random() < 0.5}
        early = datetime.timedelta(minutes=chance.randrange(5, 6 * 24 * 60))
        made.append(
            Student(
                number,
                kind,
                DUE + datetime.timedelta(hours=26, minutes=40) if kind == "late" else DUE - early,
                reached[number],
                hands[number],
                tuple(ways.values()) if reached[number] else (),
                {cell: texts[number - 1] for cell, texts in words.items()},
            )
        )
    answered = [(frozenset(s.wrong), frozenset(s.right) if not s.wrong else None, s.reached) for s in made]
    if len(set(answered)) < count:
        raise DemoError(f"There are too few answers for {count} students who differ: write more, or take fewer.")
    return made


def make(folder: Path, name: str, count: int, answers: Path | None = None, course: Path = ROOT) -> list[Student]:
    """Make the class in ``folder``, which must be empty or not there yet; return its students."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DemoError(f"{folder} is there already: remove it, or name another folder.")
    assignment = Assignment.read(name, answers, course)
    made = students(assignment, count)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n", "utf-8")  # the copy of a course where it is made is not to take it in
    shutil.copytree(course / "solutions" / name, folder / "solutions" / name, ignore=IGNORED)
    shutil.copy(course / "nbgrader_config.py", folder)
    with open(folder / "students.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "first_name", "last_name", "email"])
        for student in made:
            table.writerow([student.id, NAMES[student.number - 1], "(made up)", f"{student.id}@example.invalid"])
    for student in made:
        place = folder / "submitted" / student.id / name
        place.mkdir(parents=True)
        nbformat.write(assignment.work(student), place / f"{name}.ipynb")
        (place / "timestamp.txt").write_text(f"{student.handed_in:%Y-%m-%d %H:%M:%S} UTC\n", "utf-8")
    again = [student for student in made if student.kind == "unfinished"]
    if again:
        _download(folder / "downloaded" / name / "archive", assignment, again[0])
    return made


def _download(folder: Path, assignment: Assignment, student: Student) -> None:
    """What a learning platform would send: the second attempt of ``student``, finished, as a zip file."""
    finished = replace(
        student, kind="ordinary", handed_in=DUE - datetime.timedelta(minutes=9), reached=len(assignment.solved)
    )
    folder.mkdir(parents=True)
    attempt = f"{student.id}_attempt_{finished.handed_in:%Y%m%dT%H%M%S}_{assignment.name}.ipynb"
    with zipfile.ZipFile(folder / "platform.zip", "w") as archive:
        # A date of its own, so that the same call makes the same bytes.
        entry = zipfile.ZipInfo(attempt, finished.handed_in.timetuple()[:6])
        archive.writestr(entry, nbformat.writes(assignment.work(finished)))


def _dealt(
    assignment: Assignment, kinds: dict[int, str], reached: dict[int, int], chance: random.Random
) -> dict[int, tuple[Answer, ...]]:
    """The mistakes of each student, dealt a round at a time: first those that nobody makes yet."""
    cells = list(assignment.solved)
    hands: dict[int, list[Answer]] = {number: [] for number in kinds}
    faulty = [n for n, kind in kinds.items() if kind not in ("faultless", "empty")]
    wanted = {number: MISTAKES[place % len(MISTAKES)] for place, number in enumerate(faulty)}
    deck = chance.sample(assignment.wrong, len(assignment.wrong))
    used: Counter[str] = Counter()
    for round_ in range(max(MISTAKES)):
        for number in faulty:
            hand = hands[number]
            open_ = set(cells[: reached[number]]) - {answer.cell for answer in hand}
            fitting = [answer for answer in deck if answer.cell in open_]
            if round_ >= wanted[number] or not fitting:
                continue

            def shared(answer: Answer, own: int = number) -> int:
                mine = {*hands[own], answer}
                return max((len(mine.intersection(other)) for n, other in hands.items() if n != own), default=0)

            chosen = min(fitting, key=lambda answer: (used[answer.name], shared(answer)))
            hand.append(chosen)
            used[chosen.name] += 1
    return {number: tuple(hand) for number, hand in hands.items()}


def _reached(kind: str, cells: int) -> int:
    return {"empty": 0, "unfinished": round(ANSWERED * cells)}.get(kind, cells)


def _dealt_words(texts: Sequence[str], count: int, chance: random.Random) -> list[str]:
    """A text for each student, no two the same while there are enough; then a remark that there is none."""
    written = [text.strip() for text in chance.sample(texts, len(texts))]
    return [*written, *[NO_WORDS] * (count - len(written))][:count]


def answers_to(name: str) -> Path:
    """The folder of the answers that the tests keep for the assignment ``name``."""
    return ROOT / "tests" / "exercises" / name.replace("-", "_")


def read_answers(folder: Path) -> tuple[Answer, ...]:
    """The answers of ``folder``, one a TOML file, which gives the answer its name."""
    return tuple(Answer(file.stem, **tomllib.loads(file.read_text("utf-8"))) for file in sorted(folder.glob("*.toml")))


def read_notebook(folder: Path) -> NotebookNode:
    """The one notebook of ``folder``; raises :class:`DemoError`."""
    files = sorted(folder.glob("*.ipynb"))
    if len(files) != 1:
        raise DemoError(f"{folder} must hold one notebook; it holds {len(files)} (is there such an assignment?).")
    return nbformat.read(files[0], as_version=4)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m moi.grading.demo_class", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="where to make the class; must be empty or not there yet")
    parser.add_argument("--assignment", default="tactical-forecasting", help="which assignment they did (%(default)s)")
    parser.add_argument("--students", type=int, default=30, help="how many there are (%(default)s)")
    parser.add_argument("--answers", type=Path, help="folder of the answers (tests/exercises/<assignment>)")
    given = parser.parse_args(arguments)
    try:
        made = make(given.folder, given.assignment, given.students, given.answers)
    except DemoError as failure:
        print(failure, file=sys.stderr)
        return 2
    kinds = Counter(student.kind for student in made)
    special = ", ".join(f"{kinds[kind]} {kind}" for kind in ("faultless", "unfinished", "empty", "late") if kinds[kind])
    print(f"{given.folder}/: {len(made)} made-up students, {special}. Next: the page book/teach/grading.md.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
