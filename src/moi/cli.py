"""The command line: list the mini-models, run one, compare its two sides, choose its levers; grade a class."""

from __future__ import annotations

import argparse
import contextlib
import gc
import glob
import io
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from moi import interface, models
from moi.model import InputError, Measure, MiniModel, NoComparison

JUDGES = ("marketing", "operations", "firm")


class Refused(ValueError):
    """What was asked cannot be done; ``str(error)`` is one line for the reader."""


class Parser(argparse.ArgumentParser):
    """A parser that answers a wrong command in one line, as everything else here is answered."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"moi: {' '.join(message.split())} (moi --help says more)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status (0 done, 1 not all could be graded, 2 bad input)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a pipe on Windows has no minus sign otherwise
            stream.reconfigure(encoding="utf-8")
    asked = _parser().parse_args(arguments)
    try:
        # Everything is computed before anything is printed: an error leaves standard output empty.
        answer = asked.answer(asked)
    except (InputError, NoComparison, models.UnknownModel, Refused) as error:
        print(f"moi: {error}", file=sys.stderr)
        return 2
    if isinstance(answer, int):  # grading tells how it goes while it goes
        gc.freeze()  # else all that it has imported would be looked through for garbage on the way out
        return answer
    print(answer)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="moi", description="The mini-models of the marketing–operations interface, and the grading of exercises."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("list", help="the models, a line each")
    listing.set_defaults(answer=_list)
    listing.add_argument("--json", action="store_true", help="print JSON")

    for name, answer, words in (
        ("run", _run, "compute one model at given values"),
        ("compare", _compare, "what each side chooses alone, apart and together, and the gap"),
        ("choose", _choose, "set the levers where one side, or the firm, would put them"),
    ):
        command = commands.add_parser(name, help=words, description=words)
        command.set_defaults(answer=answer)
        command.add_argument("model", metavar="MODEL", help="a name that `moi list` prints")
        command.add_argument(
            "--set", metavar="NAME=VALUE", action="append", default=[], help="a value, as JSON or a word"
        )
        command.add_argument("--values", metavar="FILE", help="a JSON object of values; - reads standard input")
        command.add_argument("--json", action="store_true", help="print JSON")
        if name != "run":
            command.add_argument("--levers", metavar="A,B", help="the levers to move, in place of the deciding ones")
        if name == "choose":
            command.add_argument("--for", dest="judge", choices=JUDGES, required=True, help="whose measure decides")

    words = "grade what a class has handed in, in an nbgrader course folder"
    grading = commands.add_parser("grade", help=words, description=words)
    grading.set_defaults(answer=_grade)
    grading.add_argument("assignment", metavar="ASSIGNMENT", type=_name, help="a folder of the course's source")
    grading.add_argument("--course", metavar="DIR", type=Path, help="the course folder (the current one)")
    grading.add_argument("--student", metavar="ID", nargs="+", default=[], help="only these (everyone)")
    grading.add_argument("--notebook", metavar="NAME", default="*", help="only this notebook, or pattern (all)")
    grading.add_argument("--force", action="store_true", help="grade again what is done")
    grading.add_argument("--workers", metavar="N", type=_above_zero(int), help="processes (one for each core)")
    grading.add_argument("--scheduler", metavar="ADDRESS", help="use the workers of this Dask scheduler")
    grading.add_argument("--db", metavar="URL", help="the gradebook (as nbgrader_config.py says)")
    grading.add_argument("--timeout", metavar="SECONDS", type=_above_zero(float), help="for a cell (Execute.timeout)")
    grading.add_argument("--unsafe", action="store_true", help="grade without isolation; every such grade is marked")
    grading.add_argument("--json", action="store_true", help="print JSON")

    words = "can this assignment be graded, and does it give its points for what it should?"
    checking = commands.add_parser("check", help=words, description=words)
    checking.set_defaults(answer=_check)
    checking.add_argument(
        "assignment", metavar="ASSIGNMENT", type=_name, nargs="+", help="a folder of the course's source"
    )
    checking.add_argument("--course", metavar="DIR", type=Path, help="the course folder (the current one)")
    checking.add_argument("--timeout", metavar="SECONDS", type=_above_zero(float), default=30, help="for a cell")
    checking.add_argument("--unsafe", action="store_true", help="without isolation")
    return parser


def _above_zero(kind: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        with contextlib.suppress(ValueError):
            if (value := kind(text)) > 0:
                return value
        raise argparse.ArgumentTypeError(f"a number above 0 is needed; got {text!r}")

    return read


@contextlib.contextmanager
def _importing_grading() -> Iterator[None]:
    from moi.grading.workers import importing

    try:
        with importing():
            yield
    except ModuleNotFoundError as missing:
        name = (missing.name or "").partition(".")[0]
        raise Refused(
            f"grading needs {name}, which is not installed: pip install '.[grade]' in the folder of the course."
        ) from missing


def _grade(asked: argparse.Namespace) -> int:
    given = {name: value for name, value in vars(asked).items() if name not in ("answer", "json", "student")}
    with contextlib.ExitStack() as closing:
        nursery = None
        if not asked.scheduler and sys.platform == "linux":
            from moi.grading.nursery import Nursery

            with contextlib.suppress(OSError):  # it is tried again later, and told
                early = slow_imports(asked.course or Path(), asked.assignment)
                nursery = closing.enter_context(Nursery(isolate=not asked.unsafe, early=early))  # beside what follows
        with _importing_grading():
            from moi.grading import grade
        if not asked.scheduler and sys.platform != "win32":
            from moi.grading.workers import prepare

            prepare()
        try:
            return grade.command(grade.Asked(students=asked.student, nursery=nursery, **given), asked.json)
        except grade.GradeError as failure:
            raise Refused(str(failure)) from failure


def _name(text: str) -> str:
    """The name of an assignment, also where the shell has completed it as a folder's."""
    return text.rstrip("/")


def slow_imports(course: Path, assignment: str) -> set[str]:
    """Of the libraries that are slow to import, those that the notebooks seem to: a guess, before they are read."""
    found: set[str] = set()
    with contextlib.suppress(OSError, ValueError):  # no folder, or no name for one: told later
        for notebook in course.glob(f"*/{glob.escape(assignment)}/*.ipynb"):
            source = notebook.read_text(encoding="utf-8", errors="replace")
            found.update(re.findall(r'"(?:import|from) ((?:numpy|pandas|scipy)[\w.]*)', source))
    return found


def _check(asked: argparse.Namespace) -> int:
    with _importing_grading():
        from moi.grading import gate
    try:
        found = gate.check(asked.assignment, asked.course, timeout=asked.timeout, isolate=not asked.unsafe)
    except gate.CannotCheck as failure:
        raise Refused(str(failure)) from failure
    return 1 if found else 0


def _list(asked: argparse.Namespace) -> str:
    found = models.all_models()
    if asked.json:
        return _json([{"model": name, "title": m.title, "question": m.question} for name, m in found.items()])
    width = max(map(len, found))
    return "\n".join(f"{name:<{width}}  {model.title} {model.question}" for name, model in found.items())


def _run(asked: argparse.Namespace) -> str:
    return _shown(_model(asked), asked.json)


def _choose(asked: argparse.Namespace) -> str:
    return _shown(interface.choose(_model(asked), asked.judge, _levers(asked)), asked.json)


def _compare(asked: argparse.Namespace) -> str:
    found = interface.compare(_model(asked), _levers(asked))
    if asked.json:
        return _json(compared(found))
    model = found.together
    moving = _levers(asked) or list(model.levers("marketing", "operations", "joint"))
    goals = [model.goal(judge) for judge in ("marketing", "operations", "firm")]  # type: ignore[arg-type]
    rows = [["", *moving, *(f"{goal.label} ({goal.side})" for goal in goals)]]
    for label, state in (
        ("marketing alone", found.marketing),
        ("operations alone", found.operations),
        *(("apart", state) for state in found.apart),
        ("together", found.together),
    ):
        measures = state.outcome().measures
        rows.append(
            [
                label,
                *(_number(getattr(state, name)) for name in moving),
                *(_measured(measures[g.name], g) for g in goals),
            ]
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    table = "\n".join(
        "  ".join(cell.rjust(w) if i else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    )
    return f"{table}\n\n{found.how_it_ended()}\nIntegration gap: {_measured(found.gap, model.goal('firm'))}"


def ran(model: MiniModel) -> dict[str, Any]:
    """``model`` and its outcome as plain data, in the shape that ``run --json`` prints."""
    outcome = model.outcome()
    return {
        "model": model.name,
        "values": model.values,
        "measures": outcome.measures,
        "tables": outcome.tables,
        "problems": list(outcome.problems),
    }


def compared(found: interface.Comparison) -> dict[str, Any]:
    """A comparison as plain data, in the shape that ``compare --json`` prints.

    ``apart`` has the ``values`` of its one state (``null`` where there is a cycle), ``measures`` (their mean over a
    cycle), ``states`` and how it ``ended``.
    """

    def state(model: MiniModel) -> dict[str, Any]:
        return {"values": model.values, "measures": model.outcome().measures}

    return {
        "model": found.together.name,
        "marketing": state(found.marketing),
        "operations": state(found.operations),
        "apart": {
            "values": found.apart[0].values if len(found.apart) == 1 else None,
            "measures": found.apart_measures(),
            "states": [state(model) for model in found.apart],
            "ended": found.ended,
            "at_limit": list(found.at_limit),
        },
        "together": state(found.together),
        "gap": found.gap,
    }


def _model(asked: argparse.Namespace) -> MiniModel:
    model = models.get(asked.model)
    values = _values_from(asked.values, model) if asked.values is not None else {}
    for text in asked.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise Refused(f"--set takes NAME=VALUE; got {text!r}.")
        values[name.strip()] = _value(value)
    return model.of(values)


def _values_from(where: str, model: type[MiniModel]) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if where == "-" else Path(where).read_text(encoding="utf-8")
        values = json.loads(text)
    except OSError as error:
        raise Refused(f"--values: {where} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise Refused(f"--values: {where} does not hold JSON: {error}.") from error
    if not isinstance(values, dict):
        raise Refused(
            f'--values takes a JSON object, such as {{"{next(iter(model.parameters))}": …}}; got {text.strip()[:40]!r}.'
        )
    return values


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _levers(asked: argparse.Namespace) -> list[str] | None:
    return None if asked.levers is None else [name.strip() for name in asked.levers.split(",")]


def _shown(model: MiniModel, as_json: bool) -> str:
    if as_json:
        return _json(ran(model))
    outcome = model.outcome()
    width = max(len(measure.label) for measure in model.measures)
    lines = [model.title, ""]
    lines += [
        f"{name} = {json.dumps(value)}"
        for name, value in model.values.items()
        if model.parameters[name].side != "setting"
    ]
    lines += ["", *(f"{m.label:<{width}}  {_measured(outcome.measures[m.name], m)}" for m in model.measures)]
    lines += ["", *(f"Problem: {problem}" for problem in outcome.problems), outcome.summary]
    return "\n".join(lines)


def _measured(value: float | None, measure: Measure) -> str:
    return "–" if value is None else measure.text(value, with_unit=True)


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _json(thing: Any) -> str:
    return json.dumps(thing, allow_nan=False, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
