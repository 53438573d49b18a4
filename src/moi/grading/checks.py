"""Judges a learner's answers idea by idea: partial points, and messages in the words of the subject.

A test cell of an assignment reads::

    def check_accuracy():
        with ideas(points=2) as check:
            with check.idea(1, "bias keeps its sign"):
                equal(accuracy([10, 20], [12, 16])["bias"], 1, "error = actual − forecast, so …")
            with check.idea(1, …):
                …
        return check.score


    check_accuracy()

An idea earns its points when every check in it holds. What is wrong in one idea leaves the others alone, and the
last line of the cell hands the sum to nbgrader as partial credit. Each check goes from type to size to value and
stops at the first that fails. The cell is a function so that no name of its own, ``cost`` or ``best``, takes the place
of a learner's.

Where the value itself is judged by hidden tests alone, the learner's copy of the cell says so: ``○`` and not ``✓``.
The hidden tests of a cell begin with ``check.graded = True``.

Only plain data are judged: numbers, text, lists and dictionaries. :func:`plain` and :func:`moved` are the only
functions here that look at the objects of a learner (frames, charts, widgets), so the judging can be done in
another process than the learner's code.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import math
import numbers
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import FrameType, TracebackType
from typing import Any
from unittest import mock

NOT_DONE = "not done yet"
MOST_SHOWN = 100  # numbers that an explorer may display
SAYS = {"equal": 2, "number": 1, "require": 1, "in_form": 1}  # the place of `says` among the arguments of each check
COUNT = re.compile(r"-?[\d.]+ of [\d.]+ points( on the cases tried here.*)?")  # the last line of a report
# Where tests are judged apart from the learner's process: who is told what learners are not, and the lines of the test
# cell that they cannot see.
tell_instructor: Callable[[str], None] | None = None
hidden: Sequence[Sequence[int]] = ()
# There too: a state of the learner's functions that have not been called in this test.
anew: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext
failed: list[str] = []  # ideas of the test cell that is judged
looked_at: dict[int, tuple[Any, Any]] = {}  # in it, the objects that have learners' names, by id; with their plain form
say: Callable[..., object] = print  # where the report of a cell's ideas goes
_judged: set[str] = set()  # what has judged a value, and not only its form, in the idea that is open


class Wrong(Exception):
    """An answer that does not hold; ``says`` tells the learner why, in the words of the subject.

    ``got`` shows the learner's value. ``str(error)`` has both.
    """

    def __init__(self, says: str, got: str = "") -> None:
        super().__init__(f"{says} (got {got})" if got else says)
        self.says = says


class ErrorEnded(BaseException):
    """A learner's object has ended an error that is not its to end; no `except Exception` of a test ends this too."""


class Failed(str):
    """The line of a report about a failed idea: its ``head``, and what the learner is ``told``."""

    head: str
    told: str

    def __new__(cls, head: str, told: str) -> Failed:
        made = super().__new__(cls, head + told)
        made.head, made.told = head, told
        return made


class Ideas:
    """The ideas of one test cell: ``idea`` opens one, ``score`` is the sum of points earned so far.

    ``graded`` is set by the hidden tests. Until then a value of which only the form was judged is left open, and an
    answer may be held against the learner's own functions, which would charge a slip in them twice if it counted.
    """

    def __init__(self, points: float) -> None:
        self.points = points
        self.graded = False
        self.earned: list[float] = []
        self.on_offer: list[float] = []
        self.report: list[str] = []
        self.left_open = 0.0

    @property
    def score(self) -> float:
        return round(math.fsum(self.earned), 6)

    @contextlib.contextmanager
    def idea(self, points: float, what: str) -> Iterator[None]:
        """One idea, worth ``points``; ``what`` states it, as it should be."""
        self.on_offer.append(points)
        here = sys._getframe(2)  # the test cell, past this generator and contextlib
        _judged.clear()
        try:
            with _quiet():
                yield
        except (Exception, SystemExit, ErrorEnded) as failure:
            failed.append(what)
            message = _explained(failure, here)
            if message.startswith(NOT_DONE) and not isinstance(failure, Wrong):
                self.report.append(message)
                return
            if tell_instructor is not None:
                tell_instructor(f"✗ {what}: {message}")
                message = _for_learner(failure)
            self.report.append(Failed(f"✗ {what} ({points:g}): ", message))
        else:
            self.earned.append(points)
            if _judged or self.graded:
                self.report.append(f"✓ {what} ({points:g})")
            else:
                self.left_open += points
                self.report.append(f"○ {what} ({points:g}): right in form; judged when it is graded")

    def __enter__(self) -> Ideas:
        return self

    def __exit__(self, kind: type | None, failure: BaseException | None, trace: TracebackType | None) -> None:
        if failure is not None:
            return
        if not math.isclose(math.fsum(self.on_offer), self.points):
            raise ValueError(f"this cell is worth {self.points:g} points, its ideas {math.fsum(self.on_offer):g}")
        say(*dict.fromkeys(self.report), sep="\n")
        if self.score or not all(line.startswith(NOT_DONE) for line in self.report):
            if self.graded or tell_instructor is not None:
                say(f"{self.score:g} of {self.points:g} points")
                return
            later = f"; {self.left_open:g} more are judged when it is graded" if self.left_open else ""
            say(f"{self.score - self.left_open:g} of {self.points:g} points on the cases tried here{later}")


def ideas(points: float) -> Ideas:
    """Collect the ideas of a test cell worth ``points``: the sum of theirs. A mismatch raises ``ValueError``."""
    return Ideas(points)


def equal(
    got: Any,
    expected: Any,
    says: str,
    *,
    within: float = 1e-6,
    slips: Sequence[tuple[Any, str]] = (),
    or_else: Callable[[], Any] | None = None,
) -> None:
    """Hold ``got`` against a number, a text or a list of these; raise :class:`Wrong` where they differ.

    Numbers may differ by ``within`` (in their own unit) or by a millionth. ``slips`` are pairs of a value that a
    common mistake gives and what to say about it; ``says`` is for all others. ``or_else`` computes a second right
    value, from the learner's own earlier functions, so that a slip in those is not charged twice.
    """
    value = plain(got)
    _same_type(value, expected)
    _judged.add("equal")
    if _agree(value, expected, within):
        return
    if or_else is not None:
        with contextlib.suppress(Exception):
            if _agree(value, plain(or_else()), within):
                with anew():
                    again = plain(or_else())
                if _agree(value, again, within):
                    return
    raise Wrong(_says(says, value, within, slips), _shown(value))


def own(compute: Callable[[], Any]) -> Any:
    """What ``compute`` gives by the learner's own earlier functions, if they may be counted on; else an error."""
    value = plain(compute())
    with anew():
        again = plain(compute())
    in_form(_agree(value, again, 0), "the earlier functions give different answers")
    return value


def number(got: Any, says: str = "", *, low: float = -math.inf, high: float = math.inf) -> float:
    """``got`` as a number from ``low`` to ``high``; ``says`` tells what a number outside means."""
    value = plain(got)
    _same_type(value, 0.0)
    if not low <= value <= high:
        raise Wrong(says, _shown(value))
    return float(value)


def values(got: Any, count: int) -> list[float]:
    """``got`` as a list of ``count`` numbers."""
    value = plain(got)
    _same_type(value, [0.0] * count)
    return list(value)


def require(holds: bool, says: str) -> None:
    """Raise :class:`Wrong` with ``says`` unless ``holds``."""
    _judged.add("require")
    in_form(holds, says)


def in_form(holds: bool, says: str) -> None:
    """The same for the form of an answer, such as its columns: whether the answer is right stays open."""
    if not holds:
        raise Wrong(says)


def entry(got: Any, name: str) -> Any:
    """The entry ``name`` of a dictionary."""
    value = plain(got)
    in_form(isinstance(value, dict), f"a dictionary is needed, with the entry {name!r} in it; got {_kind(value)}")
    if name not in value:
        raise Wrong(f"there is no entry {name!r}; there are {', '.join(map(repr, value)) or 'none'}")
    return value[name]


def table(got: Any) -> dict[str, Any]:
    """A pandas frame as plain data: ``index_name``, ``index``, ``columns`` and ``rows`` (a list for each row)."""
    value = plain(got)
    is_frame = isinstance(value, dict) and "rows" in value and not isinstance(got, Mapping)
    in_form(is_frame, f"a pandas DataFrame is needed; got {_kind(value)}")
    rows = value["rows"]
    in_form(
        len(rows) == len(value["index"]) and all(len(row) == len(value["columns"]) for row in rows),
        "the rows of the table do not fit its index and columns",
    )
    return dict(value)


def picture(got: Any) -> dict[str, Any]:
    """A matplotlib chart as plain data: ``title``, ``x_label``, ``y_label``, ``legend``, ``lines`` and ``points``.

    Each line has ``label``, ``x`` and ``y``, and so have points, which are drawn by ``scatter``. The figure is closed.
    """
    value = plain(got)
    is_chart = isinstance(value, dict) and "lines" in value and not isinstance(got, Mapping)
    in_form(is_chart, f"the Axes of a matplotlib chart is needed; got {_kind(value)}")
    return dict(value)


def plain(value: Any) -> Any:
    """``value`` in plain data. Raises :class:`Wrong` for what has no plain form."""
    if home := getattr(type(value), "_moi_home", None):
        if id(value) in looked_at:  # it stays what it has said once
            return looked_at[id(value)][1]
        found = _only_plain(home(value, plain))
        if type(value)._moi_has_a_name(value):
            looked_at[id(value)] = value, found
        return found
    if value is Ellipsis:
        raise NotImplementedError(NOT_DONE)
    if value is None or isinstance(value, (bool, str, int, float)):
        return value
    can = type(value)  # what an object has of itself could be anything
    if hasattr(can, "isoformat"):
        return plain(value.isoformat())
    if hasattr(can, "get_xlabel"):
        return _plain_chart(value)
    if hasattr(can, "iterrows"):
        return {
            "index_name": plain(value.index.name),
            "index": [plain(v) for v in value.index],
            "columns": [plain(v) for v in value.columns],
            "rows": [[plain(v) for v in row] for row in value.itertuples(index=False, name=None)],
        }
    if hasattr(can, "tolist"):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {plain(k): plain(v) for k, v in value.items()}
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return [plain(v) for v in value]
    raise Wrong(f"{_kind(value)} is not what is asked for")


def _only_plain(value: Any) -> Any:
    """``value``, which says of itself that it is plain data."""
    if type(value) is list:
        return [_only_plain(each) for each in value]
    if type(value) is dict:
        return {_only_plain(key): _only_plain(each) for key, each in value.items()}
    if type(value).__module__ == "numpy" and hasattr(type(value), "item"):
        value = value.item()
    in_form(type(value) in (bool, int, float, str, type(None)), "this is not what is asked for")
    return value


def moved(explorer: Any, name: str, value: float) -> dict[str, Any]:
    """Move the control ``name`` of an ipywidgets explorer and see what comes of it, as plain data.

    ``control`` has its ``min``, ``max``, ``step`` and the ``value`` it was found at; ``numbers`` are those
    displayed after the move, by the function behind the control or in a label. The control is put back.
    """
    home = getattr(type(explorer), "_moi_home", None)
    found = _only_plain(home(explorer, _moved, name, value)) if home else _moved(explorer, name, value)
    in_form(len(found["numbers"]) <= MOST_SHOWN, "so many numbers are displayed that none of them is the answer")
    return dict(found)


def _moved(explorer: Any, name: str, value: float) -> dict[str, Any]:
    widgets = list(_widgets(explorer))
    in_form(bool(widgets), f"an ipywidgets widget is needed; got {_kind(explorer)}")
    control = next((w for w in widgets if name in _names_of(w) and hasattr(w, "min")), None)
    if control is None:
        raise Wrong(f"there is no slider called {name}")
    before = control.value
    found = {trait: plain(getattr(control, trait, None)) for trait in ("min", "max", "step")} | {"value": plain(before)}
    in_form(found["min"] <= value <= found["max"], f"the slider cannot be moved to {value:g}")
    if before == value:  # no change, no answer
        control.value = found["min"] if value != found["min"] else found["max"]
    text = _shown_while(lambda: setattr(control, "value", value))
    text += " ".join(str(w.value) for w in widgets if w is not control and hasattr(w, "value"))
    _shown_while(lambda: setattr(control, "value", before))
    return {"control": found, "numbers": _numbers_in(text)}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    # nbgrader gives no points to a cell that writes to standard error, were it only a warning of pandas.
    sink = io.StringIO()
    with contextlib.redirect_stderr(sink), contextlib.redirect_stdout(sink):
        yield


def is_hidden(line: int | None) -> bool:
    """Whether this line of the test cell that is judged is one that learners cannot see."""
    return line is not None and any(first <= line <= last for first, last in hidden)


def text_of(error: BaseException) -> str:
    """``str(error)``, whatever the error's class makes of it."""
    try:
        return str(error)
    except Exception:
        return ""


def _explained(failure: BaseException, here: FrameType) -> str:
    """What went wrong, for the learner. ``here`` is the test cell, whose lines are never shown."""
    if isinstance(failure, Wrong):
        return str(failure)
    if isinstance(failure, NotImplementedError):
        return NOT_DONE
    if hasattr(failure, "slow"):  # the learner's process is no more
        return _ended(failure)
    trace, deepest = failure.__traceback__, None
    while trace is not None:
        code = trace.tb_frame.f_code
        of_the_check = code.co_filename in (contextlib.__file__, here.f_code.co_filename)
        of_the_check = of_the_check or os.path.dirname(code.co_filename) == os.path.dirname(__file__)
        # The learner's own line says more than one inside a library.
        if not of_the_check and (deepest is None or "site-packages" not in code.co_filename):
            deepest = trace
        trace = trace.tb_next
    if deepest is None and isinstance(failure, NameError) and not hasattr(failure, "learners_trace"):
        return f"{NOT_DONE} (there is no {failure.name}: has its cell run without an error?)"
    line = getattr(failure, "learners_line", None)
    line = line or deepest and linecache.getline(deepest.tb_frame.f_code.co_filename, deepest.tb_lineno).strip()
    return f"it stopped with {type(failure).__name__}: {failure}" + (f", at the line {line!r}" if line else "")


def _ended(failure: BaseException) -> str:
    return re.sub("^it ", "your code ", str(failure))


def _for_learner(failure: BaseException) -> str:
    """The same where hidden tests have run: in the author's words alone, since the learner's code has seen their cases
    and could say them in its own."""
    if isinstance(failure, Wrong):
        return "this is not what is asked for" if hasattr(failure, "learners_trace") else failure.says
    if hasattr(failure, "slow"):
        return _ended(failure)
    name = type(failure).__name__ if type(failure).__module__ == "builtins" else "an error"
    line = getattr(failure, "learners_line", None)
    return f"your code stopped with {name}" + (f", at the line {line!r}" if line else "")


def _same_type(value: Any, expected: Any) -> None:
    if isinstance(expected, str):
        in_form(isinstance(value, str), f"a text is needed, in quotation marks; got {_kind(value)}")
    elif isinstance(expected, (list, tuple)):
        in_form(isinstance(value, list), f"a list is needed; got {_kind(value)}")
        in_form(len(value) == len(expected), f"{len(expected)} values are needed; got {len(value)}")
        for place, (one, other) in enumerate(zip(value, expected, strict=True), start=1):
            try:
                _same_type(one, other)
            except Wrong as failure:
                raise Wrong(f"in place {place}, {failure}") from None
    else:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        in_form(is_number, f"a number is needed; got {_kind(value)}")
        in_form(math.isfinite(value), f"a finite number is needed; got {value}")


def _agree(value: Any, expected: Any, within: float) -> bool:
    if isinstance(value, list) and isinstance(expected, (list, tuple)):
        return len(value) == len(expected) and all(_agree(a, b, within) for a, b in zip(value, expected, strict=True))
    if isinstance(value, (int, float)) and isinstance(expected, (int, float)):
        return math.isclose(value, expected, rel_tol=1e-6, abs_tol=within)
    return bool(value == expected)


def _says(says: str, value: Any, within: float, slips: Sequence[tuple[Any, str]]) -> str:
    made = [(plain(slip), text) for slip, text in slips if _agree(value, plain(slip), within)]
    if isinstance(value, (int, float)):
        made.sort(key=lambda slip: abs(slip[0] - value))  # of two that are close to it, the closer
    return made[0][1] if made else says


def _kind(value: Any) -> str:
    if value is None:
        return "nothing (None): is a return missing?"
    names = {bool: "True or False", str: "text", int: "a number", float: "a number", dict: "a dictionary"}
    return names.get(type(value), f"a {type(value).__name__}")


def _shown(value: Any, longest: int = 80) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        text = "[" + ", ".join(map(_shown, value)) + "]"
        return text if len(text) <= longest else text[: longest - 1] + "…"
    return repr(value)


def _plain_chart(axes: Any) -> dict[str, Any]:
    import matplotlib.pyplot as plt

    legend = axes.get_legend()
    try:
        axes.figure.canvas.draw()  # dates become positions, and tick labels get their text
        return {
            "title": axes.get_title(),
            "x_label": axes.get_xlabel(),
            "y_label": axes.get_ylabel(),
            "legend": [text.get_text() for text in legend.get_texts()] if legend else [],
            "lines": [
                {
                    "label": line.get_label(),
                    "x": [plain(v) for v in line.get_xdata()],
                    "y": [plain(v) for v in line.get_ydata()],
                }
                for line in axes.get_lines()
            ],
            "points": [
                {
                    "label": drawn.get_label(),
                    "x": plain(drawn.get_offsets()[:, 0]),
                    "y": plain(drawn.get_offsets()[:, 1]),
                }
                for drawn in axes.collections
            ],
        }
    finally:
        plt.close(axes.figure)


def _widgets(widget: Any) -> Iterator[Any]:
    if hasattr(widget, "get_state") and hasattr(widget, "observe"):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from _widgets(child)


def _names_of(widget: Any) -> tuple[str, str]:
    """What a control is called: the argument that ``interactive`` gives it to, and the text beside it."""
    return getattr(widget, "_kwarg", ""), getattr(widget, "description", "").strip().lower()


def _shown_while(move: Callable[[], Any]) -> str:
    """The text that is printed or displayed during ``move``; an error of the learner's function is raised."""
    from IPython import get_ipython

    shown: list[str] = []
    failures: list[BaseException] = []
    printed = io.StringIO()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(printed))
        if shell := get_ipython():
            # ipywidgets shows the error of a callback itself, which would take all points of the cell.
            stack.enter_context(
                mock.patch.object(shell, "_showtraceback", lambda *failure: failures.append(failure[1]))
            )
            publish = mock.patch.object(
                shell.display_pub, "publish", lambda data, *_, **__: shown.append(_text_of(data))
            )
            stack.enter_context(publish)
        move()
    if failures:
        raise failures[0]
    return " ".join([printed.getvalue(), *shown, ""])


def _text_of(data: Mapping[str, Any]) -> str:
    return str(data.get("text/plain", ""))


def _numbers_in(text: str) -> list[float]:
    """The numbers in a text, a comma, an underscore or a space between groups of three digits left out."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)  # what terminals take for colours and clearing
    grouped = re.sub(r"(?<=\d)[,_ \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}](?=\d{3}(?!\d))", "", text)
    return [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", grouped)]
