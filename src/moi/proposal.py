"""A practical way to integrate marketing and operations, proposed as a record that can be read, checked and simulated.

A record is plain data, a dictionary made by :func:`propose`. Texts are the learner's own: that something is said is
checked here, what it is worth is for a reader to judge.
"""

from __future__ import annotations

import difflib
import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from moi.decisions import LEVELS
from moi.model import pounds
from moi.models.mechanisms import LEVERS, SUCCESS, Mechanisms

# What each kind of mechanism covers. "own" is one of the learner's own, which works like one of the three.
COVERS = {"process": "process", "team": "people", "information": "information"}
KINDS = (*LEVERS, "own")
CALLED = {"process": "a formal process", "team": "a cross-functional team", "information": "an information system"}

# The decision areas on the map of the course, each with its level.
AREAS = {area.title.lower(): level.name for level in LEVELS for area in level.areas}

CADENCES = ("continuous", "daily", "weekly", "fortnightly", "monthly", "quarterly", "half-yearly", "yearly")


class Rhythm(NamedTuple):
    """How often the decisions of a level are taken anew: ``fastest`` and ``slowest`` cadence, and why."""

    fastest: str
    slowest: str
    because: str


RHYTHMS = {
    "strategic": Rhythm("monthly", "yearly", "markets, capabilities and launches are decided for years"),
    "tactical": Rhythm("weekly", "monthly", "forecast, promotions and capacity are planned by the month"),
    "operational": Rhythm("continuous", "weekly", "orders and schedules are settled within the week"),
}

TEXTS = {
    "name": "what your mechanism is called",
    "marketing_gives": "what marketing brings to it",
    "operations_gives": "what operations brings to it",
    "owner": "who answers for it",
}
FIELDS = (*TEXTS, "kind", "works_like", "reason", "decision_area", "cadence", "success", "cost")
UNFIT = {
    "average_stock": "neither more nor less stock is better as such",
    "mechanism_cost": "what the mechanisms cost does not tell what they do",
}


class ProposalError(ValueError):
    """A proposal that cannot be taken; ``str(error)`` names every fault, ``faults`` has them by field."""

    def __init__(self, says: str, faults: Mapping[str, str]) -> None:
        self.faults = dict(faults)
        super().__init__("\n".join([says, *(f"- {fault}" for fault in faults.values())]))


def propose(
    *,
    name: str = "",
    kind: str = "",
    works_like: str = "",
    reason: str = "",
    decision_area: str = "",
    marketing_gives: str = "",
    operations_gives: str = "",
    owner: str = "",
    cadence: str = "",
    success: str = "",
    cost: float = math.nan,
    **others: object,
) -> dict[str, Any]:
    """One mechanism as a record: a dictionary with these fields.

    ``kind`` is ``"process"``, ``"team"``, ``"information"`` or ``"own"``; one of your own needs a ``reason``, and
    ``works_like`` names which of the three stands in for it on the simulated firm. ``decision_area`` is one of
    ``AREAS``. ``cadence``, one of ``CADENCES``, is how often it brings the two functions to a decision, or how often
    a system renews its data. ``success`` is one of the measures in ``SUCCESS`` of :mod:`moi.models.mechanisms`,
    ``cost`` is in £/year. Raises :class:`ProposalError`, with all faults at once.

    >>> propose(name="Promotion calendar", kind="proces")
    Traceback (most recent call last):
    ...
    moi.proposal.ProposalError: This proposal cannot be read yet.
    - marketing_gives is empty: say what marketing brings to it
    - operations_gives is empty: say what operations brings to it
    - owner is empty: say who answers for it
    - kind: there is no 'proces'; did you mean 'process'? There are process, team, information, own
    - decision_area is empty: choose one of strategic planning integration, strategic forecasting, new product \
development, tactical forecasting, demand management, sales and operations planning, operational integration
    - cadence is empty: choose one of continuous, daily, weekly, fortnightly, monthly, quarterly, half-yearly, yearly
    - success is empty: choose one of revenue, cost, profit, service, launch_delays, gap_closed
    - cost is missing: say what it costs, in £ a year
    """
    record: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "works_like": works_like or (kind if kind in LEVERS else ""),
        "reason": reason,
        "decision_area": decision_area,
        "marketing_gives": marketing_gives,
        "operations_gives": operations_gives,
        "owner": owner,
        "cadence": cadence,
        "success": success,
        "cost": cost,
    }
    if found := faults(record | others):
        raise ProposalError("This proposal cannot be read yet.", found)
    return record


def faults(record: Mapping[str, Any]) -> dict[str, str]:
    """What cannot be read in ``record``: field to one sentence each, empty where all can."""
    found: dict[str, str] = {}
    for field, what in TEXTS.items():
        if not _is_text(record.get(field)):
            found[field] = f"{field} is empty: say {what}"
    for field, words in (("kind", KINDS), ("decision_area", tuple(AREAS)), ("cadence", CADENCES)):
        if fault := _unknown(record.get(field), words):
            found[field] = f"{field}{fault}"
    success = record.get("success")
    if isinstance(success, str) and success in UNFIT:
        found["success"] = f"success: {success} cannot tell success, for {UNFIT[success]}"
    elif fault := _unknown(success, tuple(SUCCESS)):
        found["success"] = f"success{fault}"
    found |= _faults_of_kind(record) | _faults_of_cost(record.get("cost", math.nan), _like(record))
    for field in record:
        if field not in FIELDS:
            found[field] = f"there is no field {field!r}{_nearest(field, FIELDS)}"
    return found


def cadence_fault(record: Mapping[str, Any]) -> str:
    """Why the cadence does not fit the level of the decision area; empty where it fits.

    A formal process takes people out of their work, so it may also come round too often. A team or a system is at
    work in between: it can only be too slow.
    """
    area, cadence = record["decision_area"], record["cadence"]
    rhythm = RHYTHMS[AREAS[area]]
    place, fastest, slowest = map(CADENCES.index, (cadence, rhythm.fastest, rhythm.slowest))
    level = f"{area} is {AREAS[area]}: {rhythm.because}"
    if place > slowest:
        return f"{cadence} is too seldom. {level.capitalize()}, so it must come round {rhythm.slowest} or more often"
    if place < fastest and _like(record) == "process":
        return f"{cadence} is too often for a formal process. {level.capitalize()}; {rhythm.fastest} is often enough"
    return ""


def gives_fault(record: Mapping[str, Any]) -> str:
    """Why it cannot be said that both functions give something; empty where each gives something of its own."""
    texts = {field: record.get(field) for field in ("marketing_gives", "operations_gives")}
    for field, text in texts.items():
        if not _is_text(text):
            return f"{field} is empty: a mechanism to which one function gives nothing does not join the two"
    if len({_bare(text) for text in texts.values()}) == 1:
        return "marketing and operations give the very same words: say what each gives that the other cannot"
    return ""


def difference_fault(records: Iterable[Mapping[str, Any]]) -> str:
    """Why ``records`` are not different mechanisms; empty where they are.

    Two are the same when they have one name, or when they are of one kind in one decision area.
    """
    for one, other in itertools.combinations(records, 2):
        if _bare(one["name"]) == _bare(other["name"]):
            return f"two mechanisms are called {one['name']!r}: one mechanism counts once"
        if all(one[field] == other[field] for field in ("kind", "decision_area")) and _like(one) == _like(other):
            return (
                f"{one['name']!r} and {other['name']!r} both work as {CALLED[_like(one)]} in "
                f"{one['decision_area']}: that is one mechanism, made stronger"
            )
    return ""


def uncovered(records: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """What of process, people and information no record covers."""
    covered = {COVERS[_like(record)] for record in records}
    return tuple(what for what in COVERS.values() if what not in covered)


def strengths(records: Iterable[Mapping[str, Any]], firm: Mechanisms) -> dict[str, float]:
    """How strong each kind of mechanism is made on ``firm`` by what the records spend on it, from 0 to 1.

    Strength is cost over what full strength costs; the costs of records that work alike add up. Raises
    :class:`ProposalError` where more is spent than full strength costs.

    >>> strengths([{"kind": "process", "cost": 1_500}], Mechanisms())
    {'process': 0.25, 'team': 0.0, 'information': 0.0}
    """
    spent = dict.fromkeys(LEVERS, 0.0)
    for record in records:
        spent[_like(record)] += record["cost"]
    full = {lever: float(getattr(firm, f"{lever}_cost")) for lever in LEVERS}
    if wasted := {lever: _wasted(lever, spent[lever], full[lever]) for lever in LEVERS if spent[lever] > full[lever]}:
        raise ProposalError("This is more than can be set on the firm.", wasted)
    return {lever: spent[lever] / full[lever] if spent[lever] else 0.0 for lever in LEVERS}


def _like(record: Mapping[str, Any]) -> Any:
    """Which of the three kinds ``record`` works like; a record made by hand need not say it twice."""
    return record.get("works_like") or record.get("kind")


def _faults_of_kind(record: Mapping[str, Any]) -> dict[str, str]:
    kind, like = record.get("kind"), _like(record)
    found = {}
    if kind == "own":
        if fault := _unknown(record.get("works_like"), LEVERS):
            found["works_like"] = f"works_like{fault}. It stands in for your own mechanism on the simulated firm"
        if not _is_text(record.get("reason")):
            found["reason"] = "reason is empty: say why yours is none of the three, and why it works like the one named"
    elif kind in LEVERS and like != kind:
        found["works_like"] = f"works_like is for a mechanism of your own; a {kind} works as a {kind}"
    return found


def _wasted(lever: str, cost: float, full: float) -> str:
    return (
        f"{pounds(cost)} a year is more than {CALLED[lever]} at full strength costs ({pounds(full)}): "
        "the rest would buy nothing"
    )


def _faults_of_cost(cost: object, like: object) -> dict[str, str]:
    if isinstance(cost, bool) or not isinstance(cost, (int, float)):
        return {"cost": f"cost is a number of £ a year, without signs or letters; got {cost!r}"}
    if math.isnan(cost):
        return {"cost": "cost is missing: say what it costs, in £ a year"}
    if not 0 < cost < math.inf:
        return {"cost": f"cost must be above £0 a year, for people's time is never free; got {cost:g}"}
    if isinstance(like, str) and like in LEVERS:
        full = Mechanisms.parameters[f"{like}_cost"].default
        if cost > full:
            return {"cost": f"cost: {_wasted(like, cost, full)}"}
    return {}


def _unknown(value: object, words: tuple[str, ...]) -> str:
    """What to say of a value that is not one of ``words``; empty where it is."""
    if isinstance(value, str) and value in words:
        return ""
    if not _is_text(value):
        return f" is empty: choose one of {', '.join(words)}"
    return f": there is no {value!r}{_nearest(str(value), words)} There are {', '.join(words)}"


def _nearest(value: str, words: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(value.lower(), words, n=1)
    return f"; did you mean {near[0]!r}?" if near else "."


def _is_text(value: object) -> bool:
    return isinstance(value, str) and any(letter.isalnum() for letter in value)


def _bare(text: object) -> str:
    """A text without case, spaces and punctuation."""
    return "".join(letter for letter in str(text).casefold() if letter.isalnum())
