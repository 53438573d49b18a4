"""What a mini-model is: parameters that belong to a side, measures that a side is judged by, and an outcome.

A mini-model is a frozen dataclass made by subclassing :class:`MiniModel`. Its fields are declared with
:func:`marketing`, :func:`operations`, :func:`joint` and :func:`setting`; its one method, ``outcome``, computes.
Everything else in the course (explorer, command line, page, tests) reads these declarations.

Only the standard library is used here, so that the same file runs in a kernel, in the grader and in a web page.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import numbers
import re
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Side = Literal["marketing", "operations", "joint", "setting"]
Judge = Literal["marketing", "operations", "firm"]
Kind = Literal["number", "whole", "choice", "flag", "numbers"]
# A bound may depend on the other values: then it is a function of the model.
Bound = float | Callable[[Any], float]

# No quantity in this course comes near these; beyond them the arithmetic, not the economics, would decide.
LARGEST = 1e12
LONGEST = 5_000


class InputError(ValueError):
    """A value that a model cannot take. ``str(error)`` is one sentence for the reader.

    Attributes: ``parameter`` (its name), ``value`` (as given), ``allowed`` (what would have been accepted).
    """

    def __init__(self, parameter: str, value: object, allowed: str, message: str | None = None) -> None:
        self.parameter, self.value, self.allowed = parameter, value, allowed
        super().__init__(message or f"{parameter} must be {allowed}; got {_shown(value)}.")


class NoComparison(ValueError):
    """The two sides cannot be compared at these values; ``str(error)`` says why."""


@dataclass(frozen=True)
class Parameter:
    """One declared input of a model.

    ``side`` says whose lever it is (``setting``: nobody's). ``kind`` is what it holds: a ``number``, a ``whole``
    number, one ``choice`` of several words, a yes-or-no ``flag``, or a list of ``numbers``. ``decides`` marks
    the levers that a comparison moves. ``low``/``high`` are inclusive, ``above``/``below`` exclusive;
    ``search`` narrows the range that a search looks at. ``words`` are accepted in place of a number or a list,
    and ``optional`` allows ``None``.
    """

    name: str
    side: Side
    kind: Kind
    default: Any
    label: str
    unit: str
    meaning: str
    decides: bool
    low: Bound | None
    high: Bound | None
    above: Bound | None
    below: Bound | None
    search: tuple[Bound, Bound] | None
    step: float | None
    choices: tuple[str, ...]
    words: Callable[[], Sequence[str]] | None
    optional: bool
    shortest: int

    def depends(self) -> bool:
        """Whether a bound of this parameter is computed from other values."""
        return any(callable(bound) for bound in (self.low, self.high, self.above, self.below))

    def limits(self, model: MiniModel) -> tuple[float, float]:
        """The range allowed at the model's present values (an exclusive end is returned as the end itself)."""
        bottom, top, _, _ = self._bounds(model)
        return bottom, top

    def _bounds(self, model: MiniModel) -> tuple[float, float, float | None, float | None]:
        """The range, then what a value must be above and below."""
        return self._fixed_bounds or self._bounds_at(model)

    @functools.cached_property
    def _fixed_bounds(self) -> tuple[float, float, float | None, float | None] | None:
        return None if self.depends() else self._bounds_at(None)

    def _bounds_at(self, model: MiniModel | None) -> tuple[float, float, float | None, float | None]:
        at = self._at
        low, high, above, below = (
            at(self.low, model),
            at(self.high, model),
            at(self.above, model),
            at(self.below, model),
        )
        bottom = low if low is not None else above if above is not None else -LARGEST
        top = high if high is not None else below if below is not None else LARGEST
        return bottom, top, above, below

    def search_limits(self, model: MiniModel) -> tuple[float, float]:
        """The finite range that a search looks at: ``search`` where it is given, else the allowed range."""
        low, high = self.limits(model)
        if self.search is None:
            return low, high
        return max(low, self._at(self.search[0], model)), min(high, self._at(self.search[1], model))

    def slider_limits(self, model: MiniModel) -> tuple[float, float]:
        """The ends of a slider: those of a search, a step inside an end that is itself excluded."""
        low, high = self.search_limits(model)
        step = self.step or (high - low) / 200
        return (low + step if low == self._at(self.above, model) else low), (
            high - step if high == self._at(self.below, model) else high
        )

    def allowed(self, model: MiniModel) -> str:
        """The allowed values in words, for messages and for the reference pages."""
        parts = []
        if self.kind == "choice":
            parts.append(_one_of(self.choices))
        elif self.kind == "flag":
            parts.append("true or false")
        else:
            what = {"number": "a number", "whole": "a whole number", "numbers": "numbers"}[self.kind]
            if self.kind == "numbers":
                what = f"a list of {self.shortest} to {LONGEST} numbers, each"
            parts.append(f"{what} {self._range_in_words(model)}{f' {self.unit}' if self.unit else ''}".strip())
        if self.words is not None:
            names = list(self.words())
            parts.append(_one_of(names) if self.kind != "numbers" else f"the name of a data set ({', '.join(names)})")
        if self.optional:
            parts.append("left out")
        return ", or ".join(parts)

    def checked(self, value: object, model: MiniModel) -> Any:
        """``value`` in its plain Python form; raises :class:`InputError` if it is not allowed."""
        if value is None and self.optional:
            return None
        if self.words is not None and isinstance(value, str) and value in self.words():
            return str(value)
        if self.kind == "choice":
            plain: Any = str(value) if isinstance(value, str) and value in self.choices else None
        elif self.kind == "flag":
            plain = value if isinstance(value, bool) else None
        elif self.kind == "numbers":
            plain = self._checked_list(value, model)
        else:
            plain = self._checked_number(value, model)
        if plain is None:
            raise InputError(self.name, value, self.allowed(model))
        return plain

    def _checked_number(self, value: object, model: MiniModel) -> float | int | None:
        number = _plain_number(value)
        if number is None or not self._inside(number, model):
            return None
        if self.kind == "whole":
            return int(number) if number == int(number) else None
        return float(number)

    def _checked_list(self, value: object, model: MiniModel) -> tuple[float, ...] | None:
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
            return None
        try:
            items = tuple(value)
        except TypeError:  # an array without dimensions
            return None
        if not self.shortest <= len(items) <= LONGEST:
            raise InputError(
                self.name,
                value,
                self.allowed(model),
                f"{self.name} must be {self.allowed(model)}; got a list of {len(items)}.",
            )
        plain = []
        for position, item in enumerate(items, start=1):
            number = _plain_number(item)
            if number is None or not self._inside(number, model):
                raise InputError(
                    self.name,
                    value,
                    self.allowed(model),
                    f"{self.name} must be {self.allowed(model)}; got {_shown(item)} in place {position}.",
                )
            plain.append(float(number))
        return tuple(plain)

    def _inside(self, number: float, model: MiniModel) -> bool:
        bottom, top, above, below = self._bounds(model)
        return bottom <= number <= top and (above is None or number > above) and (below is None or number < below)

    def _range_in_words(self, model: MiniModel) -> str:
        bottom, top, above, below = self._bounds(model)
        start = f"above {_plain(bottom)}" if above is not None and self.low is None else f"from {_plain(bottom)}"
        end = f"below {_plain(top)}" if below is not None and self.high is None else f"{_plain(top)}"
        joined = {(False, False): " to ", (True, False): " and at most ", (False, True): " and ", (True, True): " and "}
        return start + joined[(start.startswith("above"), end.startswith("below"))] + end

    @staticmethod
    def _at(bound: Bound | None, model: MiniModel | None) -> Any:
        return bound(model) if callable(bound) else bound


@dataclass(frozen=True)
class Measure:
    """One result of a model. A measure with ``better`` is what its ``side`` is judged by.

    ``form`` says how it is written: ``money`` (£), ``share`` (a fraction shown as a percentage) or ``count``.
    """

    name: str
    label: str
    unit: str = ""
    side: Judge | None = None
    better: Literal["more", "less"] | None = None
    form: Literal["money", "share", "count"] = "count"
    digits: int = 0

    def text(self, value: float | None, with_unit: bool = False) -> str:
        """``value`` as a reader would write it: £154 783, 64.3 %, 4 629; a dash where there is none."""
        if value is None:
            return "–"
        if self.form == "share":
            return percent(value, self.digits)
        number = pounds(value, self.digits) if self.form == "money" else written(value, self.digits)
        unit = self.unit.removeprefix("£").lstrip("/") if self.form == "money" else self.unit
        per = f"\N{NO-BREAK SPACE}{'a ' if self.form == 'money' else ''}{unit}" if with_unit and unit else ""
        return number + per


@dataclass(frozen=True)
class Outcome:
    """What a model computes.

    ``measures``: name to value, ``None`` where a measure does not exist at these values. ``tables``: name to
    rows, each row a dictionary with the same keys. ``problems``: sentences saying what cannot be honoured.
    ``summary``: what the chart shows, in one or two sentences.
    """

    measures: dict[str, float | None]
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    summary: str = ""

    def __post_init__(self) -> None:
        for name, value in self.measures.items():
            if value is not None and not math.isfinite(value):
                raise OverflowError(f"{name} is not a finite number")


def written(number: float, digits: int = 0) -> str:
    """``number`` as a reader would write it: 4 629, −3.0 (the spaces do not break)."""
    text = f"{abs(number):,.{digits}f}".replace(",", "\N{NO-BREAK SPACE}")
    return f"\N{MINUS SIGN}{text}" if number < 0 and text.strip("0.") else text


def pounds(amount: float, digits: int = 0) -> str:
    """``amount`` in pounds as a reader would write it: £154 783, −£20."""
    text = written(amount, digits)
    return f"\N{MINUS SIGN}£{text[1:]}" if text.startswith("\N{MINUS SIGN}") else f"£{text}"


def percent(fraction: float, digits: int = 0) -> str:
    """``fraction`` as a percentage: 64.3 %."""
    return f"{written(fraction * 100, digits)}\N{NO-BREAK SPACE}%"


def _declare(side: Side) -> Callable[..., Any]:
    def declare(
        default: Any,
        *,
        label: str,
        unit: str = "",
        meaning: str = "",
        kind: Kind | None = None,
        decides: bool = False,
        low: Bound | None = None,
        high: Bound | None = None,
        above: Bound | None = None,
        below: Bound | None = None,
        search: tuple[Bound, Bound] | None = None,
        step: float | None = None,
        choices: Sequence[str] = (),
        words: Callable[[], Sequence[str]] | None = None,
        optional: bool = False,
        shortest: int = 1,
    ) -> Any:
        if isinstance(default, list):
            default = tuple(default)
        parameter = dict(
            side=side,
            kind=kind or _kind_of(default, choices),
            default=default,
            label=label,
            unit=unit,
            meaning=meaning,
            decides=decides,
            low=low,
            high=high,
            above=above,
            below=below,
            search=search,
            step=step,
            choices=tuple(choices),
            words=words,
            optional=optional,
            shortest=shortest,
        )
        return field(default=default, metadata={"parameter": parameter})

    declare.__doc__ = f"Declare a parameter on the side ``{side}``; the keywords are those of :class:`Parameter`."
    return declare


marketing = _declare("marketing")
operations = _declare("operations")
joint = _declare("joint")
setting = _declare("setting")


@typing.dataclass_transform(
    frozen_default=True, kw_only_default=True, field_specifiers=(marketing, operations, joint, setting)
)
class MiniModel:
    """Base of every mini-model: ``class Variety(MiniModel, title=…, question=…)``.

    A subclass is made a frozen, keyword-only dataclass whose values are checked when it is created. It declares
    ``measures`` and ``chart`` (a Vega-Lite specification over the outcome's tables) and defines ``outcome``.
    ``columns`` says in words what a column of its tables holds, where no lever or measure of that name does.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    question: ClassVar[str]
    parameters: ClassVar[dict[str, Parameter]]
    _dependent: ClassVar[dict[str, Parameter]]  # those with a bound that depends on other values
    measures: ClassVar[tuple[Measure, ...]]
    columns: ClassVar[tuple[Measure, ...]] = ()
    chart: ClassVar[dict[str, Any]]

    def __init_subclass__(cls, *, title: str, question: str) -> None:
        super().__init_subclass__()
        cls.title, cls.question = title, question
        cls.name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        dataclass(frozen=True, kw_only=True)(cls)
        cls.parameters = {
            f.name: Parameter(name=f.name, **f.metadata["parameter"])
            for f in dataclasses.fields(cls)  # type: ignore[arg-type]
        }
        cls._dependent = {p.name: p for p in cls.parameters.values() if p.depends()}
        if hidden := [name for name in cls.parameters if hasattr(MiniModel, name)]:
            raise TypeError(f"{cls.__name__}: a parameter called {hidden[0]} would hide MiniModel.{hidden[0]}")
        cls.outcome = _in_the_readers_words(cls.outcome)  # type: ignore[method-assign]
        cls.measured = _in_the_readers_words(cls.measured)  # type: ignore[method-assign]
        cls.best_levers = _in_the_readers_words(cls.best_levers)  # type: ignore[method-assign]

    def __init__(self, **values: Any) -> None:
        raise TypeError("a mini-model is made by subclassing MiniModel")

    def __post_init__(self) -> None:
        self._check(self.parameters)

    def _check(self, names: Iterable[str]) -> None:
        # A bound that depends on other values is tried once those values are known to be sound.
        values = vars(self)
        for name in (*(name for name in names if name not in self._dependent), *self._dependent):
            values[name] = self.parameters[name].checked(values[name], self)
        self.check_together()

    def check_together(self) -> None:
        """Raise :class:`InputError` where values that are allowed one by one do not fit each other."""

    def outcome(self) -> Outcome:
        """Compute the measures, tables, problems and summary at the present values."""
        raise NotImplementedError

    def measured(self) -> Outcome:
        """The outcome with measures and problems alone: what a search looks at, a thousand times."""
        return self.outcome()

    def best_levers(self, judge: Judge, levers: Sequence[str]) -> Mapping[str, Any] | None:
        """The best values of ``levers`` for ``judge`` where a closed form is known, else ``None``."""
        return None

    def programme(self) -> str | None:
        """The linear programme that the model solves, as text to be read; ``None`` where it solves none."""
        return None

    @property
    def values(self) -> dict[str, Any]:
        """Parameter name to value, in plain types that JSON can hold."""
        return {
            name: list(value) if isinstance(value := getattr(self, name), tuple) else value for name in self.parameters
        }

    def but(self, **changes: Any) -> typing.Self:
        """The same model with some values changed; an unknown name raises :class:`InputError`."""
        changed = object.__new__(type(self))
        changed.__dict__.update(vars(self) | self.known(changes))
        changed._check(changes)  # what has not changed is sound, unless its bounds have
        return changed

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> typing.Self:
        """The model at ``values``, defaults for the rest; an unknown name raises :class:`InputError`."""
        return cls(**cls.known(values))

    @classmethod
    def values_by_default(cls) -> dict[str, Any]:
        """Parameter name to default, in plain types that JSON can hold."""
        return {p.name: list(p.default) if isinstance(p.default, tuple) else p.default for p in cls.parameters.values()}

    @classmethod
    def known(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """``values`` as they are, once every name is known to be a parameter of this model."""
        for name, value in values.items():
            if name not in cls.parameters:
                names = ", ".join(cls.parameters)
                raise InputError(name, value, names, f"{cls.name} has no parameter {name!r}; it has {names}.")
        return dict(values)

    @classmethod
    def goal(cls, judge: Judge) -> Measure:
        """The one measure that ``judge`` is judged by."""
        return next(m for m in cls.measures if m.side == judge and m.better is not None)

    @classmethod
    def levers(cls, *sides: Side, all_of_them: bool = False) -> tuple[str, ...]:
        """Names of the levers on ``sides``: the deciding ones, or all of them."""
        return tuple(p.name for p in cls.parameters.values() if p.side in sides and (p.decides or all_of_them))


def _in_the_readers_words(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Turn an arithmetic failure at extreme values into a sentence that names the extreme value."""

    @functools.wraps(compute)
    def guarded(self: MiniModel, *given: Any) -> Any:
        try:
            return compute(self, *given)
        except ArithmeticError as failure:
            extreme = max(
                (p for p in self.parameters.values() if p.kind in ("number", "whole")),
                key=lambda p: _how_extreme(getattr(self, p.name), p.default),
            )
            value = getattr(self, extreme.name)
            raise InputError(
                extreme.name,
                value,
                "a value nearer to its default",
                f"these values together are too extreme to compute with; the furthest from its default is "
                f"{extreme.name} = {_shown(value)} (default {_shown(extreme.default)}).",
            ) from failure

    return guarded


def _how_extreme(value: Any, default: Any) -> float:
    if not isinstance(value, (int, float)) or not isinstance(default, (int, float)):
        return 0.0
    return abs(math.log((abs(value) + 1e-9) / (abs(default) + 1e-9)))


def _kind_of(default: Any, choices: Sequence[str]) -> Kind:
    if choices:
        return "choice"
    if isinstance(default, bool):
        return "flag"
    if isinstance(default, int):
        return "whole"
    if isinstance(default, (tuple, list)):
        return "numbers"
    return "number"


def _plain_number(value: object) -> float | int | None:
    """``value`` as a finite ``int`` or ``float``; ``None`` for anything else (text, flags, NaN, infinity)."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    if type(value) is int:
        return value
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    if isinstance(value, numbers.Integral):
        return int(value)
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _one_of(names: Iterable[str]) -> str:
    return "one of " + ", ".join(names)


def _plain(number: float) -> str:
    """A bound as a reader would write it: 60, 0.05, 1 000 000 000 000."""
    return written(number) if number == int(number) else f"{number:.13g}"


def _shown(value: object, longest: int = 60) -> str:
    """A value as the reader gave it, shortened where it is long."""
    try:
        text = " ".join((str(value) if isinstance(value, numbers.Number) else repr(value)).split())
    except ValueError:  # Python writes no whole number of more than a few thousand digits
        return "a number too long to write"
    return text if len(text) <= longest else text[: longest - 1] + "…"
