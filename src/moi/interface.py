"""Alone, apart, together: what each side of a model chooses, and what it costs that they do not choose as one.

Works on any :class:`~moi.model.MiniModel`. A side's *best reply* moves its own levers, for its own measure, with
all other values as they stand. *Apart* is what best replies in turn lead to; *together* moves every lever for the
firm's measure; the *integration gap* is the difference in the firm's measure, positive when integration pays.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from moi.model import InputError, Judge, MiniModel, NoComparison, Parameter, Side

Ended = Literal["settled", "at a limit", "in a cycle", "stopped"]

MOST_ROUNDS = 200
GRID_POINTS = 121  # of one continuous lever searched alone
GRID_POINTS_TOGETHER = 2_000  # of all continuous levers, where several are searched at once
SAME = 1e-9  # two measures or two lever positions closer than this, relatively, are the same


@dataclass(frozen=True)
class Comparison:
    """The answers to the five questions of a model.

    ``apart`` holds one model, or every model of the cycle where the replies end in one; ``ended`` says which, and
    ``at_limit`` names the levers that stand at an end of their range. ``gap`` is in the unit of the firm's measure.
    """

    marketing: MiniModel
    operations: MiniModel
    apart: tuple[MiniModel, ...]
    together: MiniModel
    ended: Ended
    at_limit: tuple[str, ...]
    gap: float

    def apart_measures(self) -> dict[str, float | None]:
        """The measures of *apart*: their mean over the states where there is a cycle."""
        outcomes = [model.outcome() for model in self.apart]
        return {name: _mean([o.measures[name] for o in outcomes]) for name in outcomes[0].measures}

    def how_it_ended(self) -> str:
        """How the replies in turn came to an end, in a sentence."""
        first = self.apart[0]
        if self.ended == "in a cycle":
            return f"The replies never settle: they go round a cycle of {len(self.apart)} states."
        if self.ended == "stopped":
            return f"The replies had not settled after {MOST_ROUNDS} rounds, where the search stopped."
        if self.ended == "at a limit":
            names = " and ".join(first.parameters[name].label.lower() for name in self.at_limit)
            return f"The replies end at a limit of a lever: {names}."
        return "The replies settle where neither side gains by moving."


def compare(model: MiniModel, levers: Sequence[str] | None = None) -> Comparison:
    """Answer the five questions from the values of ``model`` as they stand.

    ``levers`` names the levers that move; by default those that the model marks as deciding. Raises
    :class:`~moi.model.InputError` for a name that is no lever and :class:`~moi.model.NoComparison` where a measure
    that a side is judged by does not exist at these values.
    """
    moving = _moving(model, levers)
    own = {side: [n for n in moving if model.parameters[n].side == side] for side in ("marketing", "operations")}
    states, ended = _replies_in_turn(model, own)
    together = _best(model, "firm", moving)
    replying = own["marketing"] + own["operations"]
    at_limit = () if len(states) > 1 else tuple(name for name in replying if _at_limit(states[0], name))
    if ended == "settled" and at_limit:
        ended = "at a limit"
    apart_value = _mean([_judged(state, "firm") for state in states])
    together_value = _judged(together, "firm")
    if apart_value is None or together_value is None:
        raise NoComparison(f"{model.name}: {model.goal('firm').label.lower()} does not exist where the sides end up.")
    sign = 1 if model.goal("firm").better == "more" else -1
    return Comparison(
        marketing=_best(model, "marketing", own["marketing"]),
        operations=_best(model, "operations", own["operations"]),
        apart=states,
        together=together,
        ended=ended,
        at_limit=at_limit,
        gap=sign * (together_value - apart_value),
    )


def choose(model: MiniModel, judge: Judge, levers: Sequence[str] | None = None) -> MiniModel:
    """The model with the levers where ``judge`` would put them for its own measure, the other values as they stand.

    Without ``levers``, a side moves its own deciding levers and the firm moves all of them. Levers that are named
    move whoever's they are. Points with problems are passed over; of equal points the one closest to the present
    stays.
    """
    if levers is None:
        sides: dict[Judge, tuple[Side, ...]] = {
            "marketing": ("marketing",),
            "operations": ("operations",),
            "firm": ("marketing", "operations", "joint"),
        }
        moving = model.levers(*sides[judge])
    else:
        moving = _moving(model, levers)
    return _best(model, judge, moving)


def _moving(model: MiniModel, levers: Sequence[str] | None) -> tuple[str, ...]:
    if levers is None:
        return model.levers("marketing", "operations", "joint")
    allowed = model.levers("marketing", "operations", "joint", all_of_them=True)
    for name in levers:
        if name not in allowed:
            raise InputError(
                "levers",
                name,
                ", ".join(allowed),
                f"{name!r} is no lever of {model.name}; its levers are {', '.join(allowed)}.",
            )
    return tuple(dict.fromkeys(levers))


def _replies_in_turn(model: MiniModel, own: Mapping[str, Sequence[str]]) -> tuple[tuple[MiniModel, ...], Ended]:
    """Marketing first, then operations, until neither moves; a state met before, at the same turn, closes a cycle."""
    moving = [name for levers in own.values() for name in levers]
    states = [model]  # the start, then one after each reply
    for _ in range(MOST_ROUNDS):
        for side in ("marketing", "operations"):
            states.append(_best(states[-1], side, own[side]))  # type: ignore[arg-type]
        if _same_place(states[-1], states[-3], moving):
            return (states[-1],), "settled"
        for position in range(0, len(states) - 3, 2):
            if _same_place(states[-1], states[position], moving):
                return tuple(states[position + 1 :]), "in a cycle"
    return (states[-1],), "stopped"


def _best(model: MiniModel, judge: Judge, moving: Sequence[str]) -> MiniModel:
    if not moving:
        return model
    known = model.best_levers(judge, moving)
    if known is not None:
        found = model.but(**known)
        # Of equal values the present stays. A closed form answers for what it returns, problems included.
        return model if _same(_judged(found, judge), _judged(model, judge), 1e-14) else found
    # A lever with a closed form of its own need not be searched: it follows the others.
    follower = next((name for name in moving if len(moving) > 1 and model.best_levers(judge, [name]) is not None), None)
    searched = [name for name in moving if name != follower]
    continuous = [name for name in searched if model.parameters[name].kind == "number"]
    discrete = [name for name in searched if name not in continuous]
    best = _Best(model, judge, moving, follower)
    for settings in itertools.product(*(_values_of(model, name) for name in discrete)):
        best.search(dict(zip(discrete, settings, strict=True)), continuous)
    if best.model is None:
        raise NoComparison(best.why())
    return best.model


class _Best:
    """The best admissible point met so far, for one judge."""

    def __init__(self, present: MiniModel, judge: Judge, moving: Sequence[str], follower: str | None) -> None:
        self.present, self.judge, self.moving, self.follower = present, judge, moving, follower
        self.sign = 1 if present.goal(judge).better == "more" else -1
        self.model: MiniModel | None = None
        self.score = -math.inf
        self.problem, self.missing = "", False
        self.try_point({})

    def try_point(self, changes: dict[str, Any]) -> float:
        """The score at the present values with ``changes``; minus infinity where a point is not admissible."""
        try:
            model = self.present.but(**changes)
            if self.follower and changes:
                model = model.but(**model.best_levers(self.judge, [self.follower]) or {})
            outcome = model.measured()
        except InputError:
            return -math.inf
        value = outcome.measures[self.present.goal(self.judge).name]
        if outcome.problems:
            self.problem = outcome.problems[0]
            return -math.inf
        if value is None:
            self.missing = True
            return -math.inf
        score = self.sign * value
        if self.model is None or self._beats(model, score):
            self.model, self.score = model, score
        return score

    def _beats(self, model: MiniModel, score: float) -> bool:
        assert self.model is not None
        if not _same(score, self.score):
            return score > self.score
        return _distance(model, self.present, self.moving) < _distance(self.model, self.present, self.moving)

    def search(self, fixed: dict[str, Any], continuous: Sequence[str]) -> None:
        """Search the continuous levers with the others ``fixed``: a grid, then each good cell more finely."""
        here = self.present.but(**fixed) if fixed else self.present
        if not continuous:
            self.try_point(fixed)
            return
        points = GRID_POINTS if len(continuous) == 1 else int(GRID_POINTS_TOGETHER ** (1 / len(continuous)))
        axes = [_grid(here, name, points) for name in continuous]
        scored = [
            (self.try_point(fixed | dict(zip(continuous, point, strict=True))), point)
            for point in itertools.product(*axes)
        ]
        scored.sort(key=lambda pair: -pair[0])
        for score, point in scored[:3]:
            if score > -math.inf:
                self._refine(fixed, continuous, list(point), axes)

    def _refine(self, fixed: dict[str, Any], names: Sequence[str], point: list[float], axes: list[list[float]]) -> None:
        """Golden-section search along each lever in turn, within one grid cell, until no lever moves."""
        steps = [(axis[-1] - axis[0]) / max(len(axis) - 1, 1) for axis in axes]
        for _ in range(60):
            before = list(point)
            for i, axis in enumerate(axes):

                def score(x: float, i: int = i) -> float:
                    moved = [*point[:i], x, *point[i + 1 :]]
                    return self.try_point(fixed | dict(zip(names, moved, strict=True)))

                low, high = max(axis[0], point[i] - steps[i]), min(axis[-1], point[i] + steps[i])
                point[i] = _golden(score, low, point[i], high)
            if len(names) == 1 or all(abs(a - b) <= 1e-10 * (1 + abs(a)) for a, b in zip(point, before, strict=True)):
                return

    def why(self) -> str:
        name, goal = self.present.name, self.present.goal(self.judge)
        if self.problem and not self.missing:
            return f"{name}: every setting that {self.judge} could choose has a problem, such as: {self.problem}"
        return f"{name}: {goal.label.lower()} does not exist at these values, so the sides cannot be compared."


def _golden(score: Callable[[float], float], low: float, known: float, high: float) -> float:
    """Golden-section search between ``low`` and ``high``, towards ``known`` where neither point is admissible."""
    ratio = (math.sqrt(5) - 1) / 2
    a, b = high - ratio * (high - low), low + ratio * (high - low)
    at_a, at_b = score(a), score(b)
    while high - low > 1e-10 * (1 + abs(low) + abs(high)):
        if at_a > at_b or (at_a == at_b and known <= b):
            high, b, at_b = b, a, at_a
            a = high - ratio * (high - low)
            at_a = score(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + ratio * (high - low)
            at_b = score(b)
    return (low + high) / 2


def _grid(model: MiniModel, name: str, points: int) -> list[float]:
    low, high = model.parameters[name].search_limits(model)
    return [low + (high - low) * i / (points - 1) for i in range(points)]


def _values_of(model: MiniModel, name: str) -> Iterable[Any]:
    parameter = model.parameters[name]
    if parameter.kind == "choice":
        return parameter.choices
    if parameter.kind == "flag":
        return (False, True)
    low, high = parameter.search_limits(model)
    return range(math.ceil(low), math.floor(high) + 1)


def _judged(model: MiniModel, judge: Judge) -> float | None:
    return model.measured().measures[model.goal(judge).name]


def _same(a: float | None, b: float | None, nearly: float = 1e-12) -> bool:
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=nearly, abs_tol=nearly)


def _span(model: MiniModel, parameter: Parameter) -> float:
    low, high = parameter.search_limits(model)
    return max(high - low, 1e-12)


def _distance(a: MiniModel, b: MiniModel, names: Sequence[str]) -> float:
    """How far apart two settings are, each lever in its own range; a changed choice counts as a whole range."""
    total = 0.0
    for name in names:
        x, y = getattr(a, name), getattr(b, name)
        if isinstance(x, (int, float)) and isinstance(y, (int, float)):
            total += abs(x - y) / _span(b, b.parameters[name])
        else:
            total += float(x != y)
    return total


def _same_place(a: MiniModel, b: MiniModel, names: Sequence[str]) -> bool:
    return _distance(a, b, names) <= SAME


def _at_limit(model: MiniModel, name: str) -> bool:
    parameter, value = model.parameters[name], getattr(model, name)
    if parameter.kind not in ("number", "whole") or not isinstance(value, (int, float)):
        return False
    low, high = parameter.search_limits(model)
    return min(abs(value - low), abs(value - high)) <= SAME * _span(model, parameter)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if len(known) == len(values) else None
