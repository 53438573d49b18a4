"""What repairs what? Three frictions between the functions of a firm, and three mechanisms that act on them."""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, floor, inf, isclose, sqrt
from typing import Any, ClassVar, Literal

from moi import data
from moi.model import (
    InputError,
    Judge,
    Measure,
    MiniModel,
    NoComparison,
    Outcome,
    joint,
    pounds,
    setting,
    written,
)

LEVERS = ("process", "team", "information")
MOST_MONTHS = 120
MOST_HISTORIES = 60
FIRST_LAUNCH = 3  # whole months after the start: in April, before the season
# The measures that can tell success, and which way. Stock is not among them: neither more nor less is better as such.
SUCCESS: dict[str, Literal["more", "less"]] = {
    "revenue": "more",
    "cost": "less",
    "profit": "more",
    "service": "more",
    "launch_delays": "less",
    "gap_closed": "more",
}
GRID_POINTS = {1: 121, 2: 25, 3: 9}  # for each lever, by how many are searched at once
MOST_CLIMBS = 4
RANDOM_STEPS = 2_000
WIDEST_STEP, FINE_STEP, FINEST_STEP = 0.3, 1e-3, 1e-8

Strengths = tuple[float, float, float]


@functools.cache
def _series_names() -> tuple[str, ...]:
    return data.series_names(at_least=12)


@dataclass(frozen=True)
class Friction:
    """What is left of the frictions once the mechanisms have acted.

    ``notice``: months, on average; ``notice_varies``: by how much at most it is shorter or longer. ``noise``: standard
    deviation of the view of demand, as a fraction. ``marketing_weight`` and ``operations_weight``: what each function
    puts on its own measure, 0–1. ``rework``: chance that a launch is redone.
    """

    notice: float
    notice_varies: float
    noise: float
    marketing_weight: float
    operations_weight: float
    rework: float


@dataclass(frozen=True)
class Moved:
    """A measure without the mechanisms, with one function alone playing its part in them, and with both."""

    measure: str
    without: float
    marketing: float
    operations: float
    both: float

    @property
    def right_way(self) -> bool:
        """Whether both functions together move the measure, and move it the way that is better."""
        if isclose(self.both, self.without, rel_tol=1e-9, abs_tol=1e-12):
            return False
        return (self.both > self.without) == (SUCCESS[self.measure] == "more")

    def share(self, side: Literal["marketing", "operations"]) -> float | None:
        """How much of the change that both bring about one brings about alone; ``None`` if there is no change."""
        change = self.both - self.without
        return (getattr(self, side) - self.without) / change if change else None

    def needs_both(self, enough: float = 0.6) -> bool:
        """Whether both together move the measure the right way and neither alone gets ``enough`` of the way."""
        return self.right_way and all((self.share(side) or 0.0) < enough for side in ("marketing", "operations"))


@dataclass
class Run:
    """Sums over all histories of one simulation."""

    years: float = 0.0
    earned: float = 0.0
    spent: float = 0.0
    demanded: float = 0.0
    served: float = 0.0
    stocks: float = 0.0
    delays: float = 0.0
    launches: int = 0

    @property
    def revenue(self) -> float:
        return self.earned / self.years

    @property
    def cost(self) -> float:
        return self.spent / self.years

    @property
    def contribution(self) -> float:
        """Profit before the cost of the mechanisms, £/year."""
        return self.revenue - self.cost

    @property
    def service(self) -> float | None:
        return self.served / self.demanded if self.demanded else None

    @property
    def average_stock(self) -> float:
        return self.stocks

    @property
    def launch_delays(self) -> float | None:
        return self.delays / self.launches if self.launches else None


@dataclass(frozen=True)
class Chance:
    """What chance brings in one history, whatever the functions do.

    ``promotions``: for each month, none, or for its promotion how early word of it comes, from −1 to 1 and uniform.
    ``errors``: standard normal, one a month. ``launches``: for
    each, the month for which it is planned (from 0) and its luck, uniform from 0 to 1.
    """

    promotions: tuple[float | None, ...]
    errors: tuple[float, ...]
    launches: tuple[tuple[int, float], ...]


class Mechanisms(
    MiniModel, title="What repairs what?", question="Which ways of working together win back what friction costs?"
):
    """Which ways of working together win back what friction costs?

    Harbour Ices, month by month, with its own sales as the regular demand. The model is **illustrative**. Its flow of
    goods is ordinary arithmetic, but how far a mechanism reaches and what it costs are assumptions. Each is a
    parameter that can be changed.

    **Three frictions.** *Not being told*: operations hears of a promotion ν months ahead (``promotion_notice``; −1:
    once the month is over) and sees demand with an error σ (``forecast_noise``). *Own goals*: each function puts a
    weight w (``goal_conflict``) on its own measure. *Doing it twice*: with chance ρ (``rework_chance``) a launch is
    redone.

    **Three mechanisms**, with strengths from 0 to 1. A strength s reaches g(s) = 1 − exp(−κ·s) of what it could, with
    κ = ``diminishing``, and costs s times its yearly cost. A formal *process* lengthens notice and prevents rework.
    *Teams* lower the weight on one's own measure and prevent rework. *Information* lowers the error and lengthens
    notice. Let m and o (``marketing_part``, ``operations_part``) say how far each function plays its part. Then

        notice   ν + N·(1 ± δ),  N = m·o·(process_notice·g(process) + information_notice·g(information))
        error    σ·(1 − m·o·information_noise·g(information))
        weight   w·(1 − m·team_conflict·g(team)) for marketing, with o in place of m for operations
        rework   1 − (1 − φ(1 − m·e))(1 − φ(1 − o·e)),  φ = 1 − √(1 − ρ),
                 e = 1 − (1 − process_rework·g(process))(1 − team_rework·g(team))

    because telling needs one who speaks and one who listens, a goal is one's own, and a launch is redone if either
    function's half of the work was wrong. ±δ (``notice_spread``) differs from promotion to promotion. The mechanisms
    cost (m + o)/2 of their full cost. No term rewards having several mechanisms at once.

    **The flow**, in month t with regular demand B, launches included. A promotion at a discount d lifts demand by
    a·√(d/d₀)·B (``promotion_lift`` a at ``reference_discount`` d₀); a fraction f (``forward_buy``) of what it sells in
    addition is missing in the next month. Marketing chooses the d that is best if a unit costs (1 − w) of its unit
    cost: with k = a/√d₀ and P = price − (1 − w)·unit_cost, √d = (√(1 + 3k²P(1 − f)) − 1)/(3k).

    Operations hires ``lead_time`` L months ahead for what it then sees: (1 + σz) of regular demand as planned, and the
    share min(1, max(0, ν − L + 1)) of the lift and of what the lift takes from the next month. When the month begins,
    the error has shrunk to ``near_view``·σz, and operations has heard of the share min(1, max(0, ν + 1)) of the lift.
    It makes what it sees, plus a buffer of (1 − w)·``safety_factor`` standard deviations, less its stock, but no more
    than 1 + ``overtime_limit`` times the capacity. What is not there is not sold, and lost. Labour is paid for the
    capacity, used or not; overtime costs its premium.

    A new product adds ``launch_uplift`` of demand for ``launch_life`` months from its planned month. If it is redone,
    it comes up to ``rework_time`` months late, all delays equally likely. Each such month costs ``rework_cost``, and
    its sales are lost.

    Revenue and ``cost`` (of supply and rework, less the unit cost of the stock left at the end) are yearly means over
    ``histories``; ``profit`` = revenue − cost − mechanism_cost. The *gap* is the profit without any friction less the
    profit with the friction and no mechanism. ``gap_closed`` is the share of it won back, net of what the mechanisms
    cost; there is none where there is no gap.

    Chance enters through ``seed`` alone. The months of promotions, the errors of the view and the luck with launches
    come each from a stream of its own, drawn before anything is decided. So any two settings are compared on the same
    histories, and a longer run begins as the shorter one does.

    Do the mechanisms do more together than apart? At the defaults each adds to the others, but any two or all three
    win back somewhat less than the sum of what each wins back alone: a sale can be saved only once.

    To see what one function can do by itself, :meth:`alone` leaves the other's part out, and :meth:`moved` gives a
    measure without the mechanisms, with marketing's part, with that of operations and with both. A measure tells
    whether the functions work together if ``moved(measure).needs_both()``.

    A critic would attack the reach and the cost of each mechanism, for which there are no data; that a mechanism works
    from its first day; that a customer who is turned away comes back next month as if nothing had happened; that
    operations never learns marketing's habits; and that goals conflict in two decisions only, the depth of a promotion
    and the buffer.

    Sources: the square-root lift and forward buying are those of this course's sales and operations plan, after
    Chopra and Meindl (2019); what the buffer fails to cover is their expected shortage, from the chapter on safety
    inventory. What a formal process can do for functions with different goals is described by Oliva and Watson (2011),
    whose case has no numbers to take over. That rework comes from work handed over unfinished is from Krishnan,
    Eppinger and Whitney (1997) and Loch and Terwiesch (1998).

    >>> calm = Mechanisms(forecast_noise=0, goal_conflict=0, rework_chance=0, promotion_notice=3)
    >>> busy = calm.but(process=0.5, team=0.5)           # nothing to repair: they cost what they cost
    >>> round(calm.outcome().measures["profit"] - busy.outcome().measures["profit"], 6)
    6500.0
    >>> calm.outcome().measures["service"], calm.outcome().measures["gap_closed"]
    (1.0, None)
    """

    measures: ClassVar[tuple[Measure, ...]] = (
        Measure("revenue", "Revenue", "£/year", "marketing", "more", "money"),
        Measure("cost", "Cost of supply", "£/year", "operations", "less", "money"),
        Measure("profit", "Profit", "£/year", "firm", "more", "money"),
        Measure("service", "Demand served", "", form="share", digits=1),
        Measure("average_stock", "Average stock", "units"),
        Measure("launch_delays", "Delay of a launch", "months", digits=2),
        Measure("mechanism_cost", "Cost of the mechanisms", "£/year", form="money"),
        Measure("gap_closed", "Share of the gap won back", "", form="share"),
    )

    process: float = joint(
        0.0,
        low=0,
        high=1,
        decides=True,
        step=0.01,
        label="Formal joint process",
        meaning="strength of a monthly sales-and-operations meeting and a stage-gate for new products; 0: none",
    )
    team: float = joint(
        0.0,
        low=0,
        high=1,
        decides=True,
        step=0.01,
        label="Cross-functional teams",
        meaning="strength of teams from both functions, judged by a common measure; 0: none",
    )
    information: float = joint(
        0.0,
        low=0,
        high=1,
        decides=True,
        step=0.01,
        label="Shared information system",
        meaning="strength of one system in which both see sales, promotions and stock; 0: none",
    )

    promotion_notice: float = setting(
        -1.0,
        low=-1,
        high=24,
        step=0.5,
        unit="months",
        label="Notice of a promotion",
        meaning="warning that operations gets with no mechanism; −1: it finds out afterwards; between whole months it "
        "has heard of a part",
    )
    forecast_noise: float = setting(
        0.25,
        low=0,
        high=1,
        step=0.01,
        label="Error in what operations sees of demand",
        meaning="standard deviation, as a fraction of demand, when capacity is planned, σ",
    )
    goal_conflict: float = setting(
        0.8,
        low=0,
        high=1,
        step=0.01,
        label="Weight on one's own measure",
        meaning="0: each function works for the firm; 1: each works for its own measure only, w",
    )
    rework_chance: float = setting(
        0.4,
        low=0,
        high=1,
        step=0.01,
        label="Chance that a launch is redone",
        meaning="with no mechanism, ρ; illustrative",
    )

    process_cost: float = setting(
        6_000.0,
        low=0,
        high=1e9,
        unit="£/year",
        label="Cost of the process",
        meaning="at full strength; illustrative: people's time in meetings and reviews",
    )
    team_cost: float = setting(
        7_000.0,
        low=0,
        high=1e9,
        unit="£/year",
        label="Cost of the teams",
        meaning="at full strength; illustrative: people's time away from their function",
    )
    information_cost: float = setting(
        8_000.0,
        low=0,
        high=1e9,
        unit="£/year",
        label="Cost of the information system",
        meaning="at full strength; illustrative: licences, upkeep and entering the data",
    )
    budget: float = setting(
        12_000.0,
        low=0,
        high=1e9,
        unit="£/year",
        label="Budget",
        meaning="the most that the three mechanisms may cost together",
    )
    marketing_part: float = setting(
        1.0,
        low=0,
        high=1,
        step=0.01,
        label="Part that marketing plays",
        meaning="how far marketing does its half of every mechanism, m; 0: not at all",
    )
    operations_part: float = setting(
        1.0,
        low=0,
        high=1,
        step=0.01,
        label="Part that operations plays",
        meaning="how far operations does its half of every mechanism, o; 0: not at all",
    )
    diminishing: float = setting(
        3.0,
        above=0,
        high=50,
        label="How soon returns diminish",
        meaning="κ; at 3 half the strength has four fifths of the effect; illustrative",
    )
    process_notice: float = setting(
        4.0, low=0, high=24, unit="months", label="Notice that a process adds", meaning="at most; illustrative"
    )
    notice_spread: float = setting(
        0.3,
        low=0,
        high=1,
        label="Spread of the notice added",
        meaning="by which fraction more or less the notice added may be for one promotion, δ; illustrative",
    )
    process_rework: float = setting(
        0.5, low=0, high=1, label="Rework that a process prevents", meaning="at most, as a fraction; illustrative"
    )
    team_conflict: float = setting(
        0.9, low=0, high=1, label="Conflict that teams remove", meaning="at most, as a fraction; illustrative"
    )
    team_rework: float = setting(
        0.7, low=0, high=1, label="Rework that teams prevent", meaning="at most, as a fraction; illustrative"
    )
    information_noise: float = setting(
        0.8, low=0, high=1, label="Error that information removes", meaning="at most, as a fraction; illustrative"
    )
    information_notice: float = setting(
        1.5, low=0, high=24, unit="months", label="Notice that information adds", meaning="at most; illustrative"
    )

    demand: tuple[float, ...] | str = setting(
        "harbour_ices",
        kind="numbers",
        words=_series_names,
        low=0,
        high=1e9,
        unit="units/month",
        label="Regular demand",
        meaning="month by month, without promotions and launches; begun again where it is too short",
    )
    price: float = setting(3.00, above=0, high=1e6, unit="£/unit", label="Price", meaning="as in the variety model")
    unit_cost: float = setting(
        1.60,
        above=0,
        high=1e6,
        unit="£/unit",
        label="Unit cost",
        meaning="material and labour, as in the variety model",
    )
    labour_cost: float = setting(
        0.60,
        low=0,
        high=lambda m: m.unit_cost,
        unit="£/unit",
        label="Labour in the unit cost",
        meaning="paid for the capacity that is planned, used or not; illustrative",
    )
    holding_rate: float = setting(
        0.25,
        low=0,
        high=100,
        unit="1/year",
        label="Holding rate",
        meaning="yearly cost of stock as a fraction of its value, as in the variety model",
    )
    lead_time: float = setting(
        2.0,
        low=0,
        high=12,
        step=0.5,
        unit="months",
        label="Lead time of capacity",
        meaning="how long it takes to hire and train, L; illustrative",
    )
    overtime_limit: float = setting(
        0.2, low=0, high=10, label="Overtime limit", meaning="as a fraction of the capacity planned; illustrative"
    )
    overtime_premium: float = setting(
        0.30, low=0, high=1e6, unit="£/unit", label="Overtime premium", meaning="half of the labour cost; illustrative"
    )
    near_view: float = setting(
        0.5,
        low=0,
        high=1,
        label="Error left when the month begins",
        meaning="as a fraction of the error when capacity was planned; illustrative",
    )
    safety_factor: float = setting(
        2.0,
        low=0,
        high=10,
        label="Safety factor",
        meaning="standard deviations that the firm would hold as a buffer: the newsvendor's 1.99 for a margin of £1.40 "
        "against a month's holding of 3.3 pence",
    )
    promotions: int = setting(
        4,
        low=0,
        high=12,
        unit="a year",
        label="Promotions",
        meaning="one in each equal part of the year, in a month that chance chooses; illustrative",
    )
    promotion_lift: float = setting(
        0.6,
        low=0,
        high=10,
        label="Lift of the reference discount",
        meaning="as a fraction of the month's regular demand, a; illustrative",
    )
    reference_discount: float = setting(
        0.30, above=0, high=1e6, unit="£/unit", label="Reference discount", meaning="d₀; a tenth of the price"
    )
    forward_buy: float = setting(
        0.25,
        low=0,
        high=1,
        label="Forward buying",
        meaning="fraction of a promotion's extra sales that is missing in the next month, f; illustrative",
    )
    launches: int = setting(
        2, low=0, high=12, unit="a year", label="Launches", meaning="evenly through the year, from April; illustrative"
    )
    launch_uplift: float = setting(
        0.06, low=0, high=10, label="Demand that a launch adds", meaning="as a fraction of regular demand; illustrative"
    )
    launch_life: float = setting(
        12.0, above=0, high=120, unit="months", label="Life of a new product", meaning="from its planned month"
    )
    rework_time: float = setting(
        4.0, low=0, high=24, unit="months", label="Longest rework", meaning="of a launch; illustrative"
    )
    rework_cost: float = setting(
        3_000.0, low=0, high=1e9, unit="£/month", label="Cost of rework", meaning="for each month; illustrative"
    )
    months: int = setting(36, low=1, high=MOST_MONTHS, unit="months", label="Months simulated")
    histories: int = setting(
        4, low=1, high=MOST_HISTORIES, label="Histories", meaning="runs of chance over which the measures are means"
    )
    seed: int = setting(1, low=0, high=1_000_000, label="Seed", meaning="another seed is another run of chance")

    columns: ClassVar[tuple[Measure, ...]] = (
        Measure("promoted", "Promotion"),
        Measure("opening", "Opening stock", "units"),
        Measure("capacity", "Capacity", "units"),
        Measure("made", "Made", "units"),
        Measure("demand", "Demand", "units"),
        Measure("sold", "Sold", "units"),
        Measure("lost", "Lost sales", "units"),
        Measure("stock", "Stock left", "units"),
        Measure("lost_without", "Lost with no mechanism", "units"),
    )

    chart: ClassVar[dict[str, Any]] = {
        "height": 300,
        "data": {"name": "months"},
        "encoding": {
            "x": {
                "field": "month",
                "type": "quantitative",
                "title": "Month",
                "axis": {"tickMinStep": 1},
                "scale": {"nice": False, "padding": 6},
            },
            "color": {
                "type": "nominal",
                "title": None,
                "scale": {
                    "domain": ["Demand", "Lost sales", "Stock left", "Lost with no mechanism"],
                    "range": ["firm", "marketing", "operations", "gap"],
                },
            },
        },
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 7},
                "encoding": {
                    "y": {"field": "lost", "type": "quantitative", "title": "Units"},
                    "y2": {"datum": 0},
                    "color": {"datum": "Lost sales"},
                },
            },
            {
                "transform": [{"filter": "datum.lost_without >= 1"}],
                "mark": {"type": "tick", "orient": "horizontal", "thickness": 2.5, "size": 11},
                "encoding": {
                    "y": {"field": "lost_without", "type": "quantitative"},
                    "color": {"datum": "Lost with no mechanism"},
                },
            },
            {
                "mark": {"type": "line", "strokeWidth": 1.8, "strokeDash": [6, 3]},
                "encoding": {"y": {"field": "stock", "type": "quantitative"}, "color": {"datum": "Stock left"}},
            },
            {
                "mark": {"type": "line", "strokeWidth": 2.2},
                "encoding": {"y": {"field": "demand", "type": "quantitative"}, "color": {"datum": "Demand"}},
            },
        ],
    }

    def outcome(self) -> Outcome:
        rows: list[dict[str, Any]] = []
        now = self._simulated(self.friction(), rows)
        without, lost_without = self._without()
        gap = self._calm().contribution - without.contribution
        paid = self._paid(self._strengths())
        profit = now.contribution - paid
        closed = (profit - without.contribution) / gap if gap > 1e-9 * abs(without.contribution) else None
        for row, lost in zip(rows, lost_without, strict=True):
            row["lost_without"] = lost
        return Outcome(
            measures={
                "revenue": now.revenue,
                "cost": now.cost,
                "profit": profit,
                "service": now.service,
                "average_stock": now.average_stock,
                "launch_delays": now.launch_delays,
                "mechanism_cost": paid,
                "gap_closed": closed,
            },
            tables={"months": rows},
            problems=self._problems(paid),
            summary=self._summary(now, profit, gap, paid, closed),
        )

    def friction(self, strengths: Strengths | None = None) -> Friction:
        """What is left of the frictions at ``strengths`` of process, team and information (the present ones)."""
        process, team, information = (1 - exp(-self.diminishing * s) for s in strengths or self._strengths())
        told = self.marketing_part * self.operations_part
        prevented = 1 - (1 - self.process_rework * process) * (1 - self.team_rework * team)
        fault = 1 - sqrt(1 - self.rework_chance)
        agreed = self.team_conflict * team
        added = told * (self.process_notice * process + self.information_notice * information)
        return Friction(
            notice=self.promotion_notice + added,
            notice_varies=self.notice_spread * added,
            noise=self.forecast_noise * (1 - told * self.information_noise * information),
            marketing_weight=self.goal_conflict * (1 - self.marketing_part * agreed),
            operations_weight=self.goal_conflict * (1 - self.operations_part * agreed),
            rework=1
            - (1 - fault * (1 - self.marketing_part * prevented))
            * (1 - fault * (1 - self.operations_part * prevented)),
        )

    def alone(self, side: Literal["marketing", "operations"]) -> Mechanisms:
        """The same mechanisms with ``side`` alone playing its part: the other neither gives nor takes."""
        return self.but(marketing_part=float(side == "marketing"), operations_part=float(side == "operations"))

    def moved(self, measure: str) -> Moved:
        """How far the mechanisms as set move ``measure``, with one function's part and with both functions' parts.

        Raises :class:`~moi.model.InputError` for a measure that cannot tell success (see ``SUCCESS``) and
        :class:`~moi.model.NoComparison` where it does not exist.
        """
        if measure not in SUCCESS:
            raise InputError("measure", measure, "one of " + ", ".join(SUCCESS))
        both = self.but(marketing_part=1.0, operations_part=1.0)
        states = {
            "without": both.but(**dict.fromkeys(LEVERS, 0.0)),
            "marketing": self.alone("marketing"),
            "operations": self.alone("operations"),
            "both": both,
        }
        values = {name: state.outcome().measures[measure] for name, state in states.items()}
        known = {name: value for name, value in values.items() if value is not None}
        if len(known) < len(values):
            label = next(m.label for m in self.measures if m.name == measure)
            raise NoComparison(f"{self.name}: {label.lower()} does not exist at these values.")
        return Moved(measure, **known)

    def best_levers(self, judge: Judge, levers: Sequence[str]) -> Mapping[str, Any] | None:
        """The best strengths: a grid, then steps that are halved, then random ones, within the budget."""
        moving = [i for i, name in enumerate(LEVERS) if name in levers]
        costs = [self._paid(tuple(float(i == j) for j in range(3))) for i in range(3)]  # type: ignore[arg-type]

        def score(point: Strengths) -> float:
            paid = self._paid(point)
            if self._problems(paid):
                return -inf
            found = self._simulated(self.friction(point))
            return {"marketing": found.revenue, "operations": -found.cost, "firm": found.contribution - paid}[judge]

        here = self._strengths()
        points = GRID_POINTS[len(moving)]
        axes = [[j / (points - 1) for j in range(points)] if i in moving else [here[i]] for i in range(3)]
        grid = {
            place: score((axes[0][place[0]], axes[1][place[1]], axes[2][place[2]]))
            for place in itertools.product(*(range(len(axis)) for axis in axes))
        }
        peaks = sorted((place for place in grid if _is_peak(grid, place)), key=lambda place: -grid[place])
        # The present comes first: of equal points it stays.
        starts = [(score(here), here)]
        starts += [(grid[p], (axes[0][p[0]], axes[1][p[1]], axes[2][p[2]])) for p in peaks[:MOST_CLIMBS]]
        climbed = [
            _climbed(score, start, moving, costs, self.budget, 1 / (points - 1)) for start in starts if start[0] > -inf
        ]
        if not climbed:
            return None
        best = max(climbed, key=lambda pair: pair[0])
        if len(moving) > 1:
            best = _strayed(score, best, moving, costs, self.budget)
            best = _climbed(score, best, moving, costs, self.budget, FINE_STEP)
        return {LEVERS[i]: best[1][i] for i in moving}

    def _strengths(self) -> Strengths:
        return self.process, self.team, self.information

    def _settings(self) -> tuple[tuple[str, Any], ...]:
        """All values but the levers: what does not depend on these is computed once."""
        return tuple((name, getattr(self, name)) for name in self.parameters if name not in LEVERS)

    def _paid(self, strengths: Strengths) -> float:
        """What the mechanisms cost, £/year."""
        process, team, information = strengths
        full = self.process_cost * process + self.team_cost * team + self.information_cost * information
        return (self.marketing_part + self.operations_part) / 2 * full

    def _problems(self, paid: float) -> tuple[str, ...]:
        if paid <= self.budget * (1 + 1e-12):  # on the edge, but for rounding
            return ()
        return (
            f"The mechanisms cost {pounds(paid)} a year: {pounds(paid - self.budget)} over the budget "
            f"of {pounds(self.budget)}.",
        )

    def _calm(self) -> Run:
        """The firm without any friction."""
        return _remembered(self._settings(), Friction(self.lead_time, 0.0, 0.0, 0.0, 0.0, 0.0))[0]

    def _without(self) -> tuple[Run, tuple[float, ...]]:
        """The firm with its frictions and no mechanism, and what it loses in each month of the first history."""
        return _remembered(self._settings(), self.friction((0.0, 0.0, 0.0)))

    def _discount(self, weight: float) -> float:
        """The discount, £/unit, that marketing chooses with ``weight`` on its own measure: see the class."""
        steep = self.promotion_lift / sqrt(self.reference_discount)
        worth = self.price - (1 - weight) * self.unit_cost
        if steep == 0 or worth <= 0:
            return 0.0
        # (√(1 + x) − 1)/(3k), written so that nothing is lost when the lift is very small.
        x = 3 * steep**2 * worth * (1 - self.forward_buy)
        return (steep * worth * (1 - self.forward_buy) / (sqrt(1 + x) + 1)) ** 2

    def _simulated(self, friction: Friction, rows: list[dict[str, Any]] | None = None) -> Run:
        """All histories under ``friction``; the months of the first are added to ``rows``."""
        regular = _repeated(self.demand, self.months)
        planned = _planned(self.months, self.launches, self.launch_life, self.launch_uplift)
        total = Run()
        for chance in _chances(self.seed, self.histories, self.months, self.promotions, self.launches):
            self._add_history(total, friction, chance, regular, planned, rows)
            rows = None
        total.years = self.histories * self.months / 12
        return total

    def _add_history(
        self,
        total: Run,
        friction: Friction,
        chance: Chance,
        regular: Sequence[float],
        planned: Sequence[float],
        rows: list[dict[str, Any]] | None,
    ) -> None:
        launched = self._launched(total, friction.rework, chance, planned)
        discount = self._discount(friction.marketing_weight)
        lift = self.promotion_lift * sqrt(discount / self.reference_discount)
        far, near = friction.noise, self.near_view * friction.noise
        buffer = (1 - friction.operations_weight) * self.safety_factor * near
        material, labour, overtime = (
            self.unit_cost - self.labour_cost,
            self.labour_cost,
            self.labour_cost + self.overtime_premium,
        )
        holding = self.holding_rate * self.unit_cost / 12
        most, forward_buy, lead_time = 1 + self.overtime_limit, self.forward_buy, self.lead_time
        price, promoted_price = self.price, self.price - discount
        revenue = cost = demanded = served = stocks = 0.0
        stock = dip = dip_foreseen = 0.0
        months = zip(regular, planned, launched, chance.errors, chance.promotions, strict=True)
        for month, (usual, plan, launch, error, told) in enumerate(months, start=1):
            base = usual * launch
            extra = heard = 0.0
            capacity = usual * plan * (1 + far * error) - dip_foreseen
            dip_foreseen = 0.0
            if told is not None:
                notice = friction.notice + friction.notice_varies * told
                extra = lift * usual
                heard = _share(notice + 1) * extra
                foreseen = _share(notice - lead_time + 1) * extra
                capacity += foreseen
                dip_foreseen = forward_buy * foreseen
            demand = base + extra - dip if base + extra > dip else 0.0
            if capacity < 0:
                capacity = 0.0
            made = base * (1 + near * error) + heard - dip + buffer * usual - stock
            if made < 0:
                made = 0.0
            elif made > most * capacity:
                made = most * capacity
            opening, available = stock, stock + made
            sold = demand if demand < available else available
            stock = available - sold
            revenue += (price if told is None else promoted_price) * sold
            cost += material * made + labour * capacity + holding * stock
            if made > capacity:
                cost += overtime * (made - capacity)
            demanded += demand
            served += sold
            stocks += stock
            if rows is not None:
                rows.append(
                    {
                        "month": month,
                        "promoted": told is not None,
                        "opening": opening,
                        "capacity": capacity,
                        "made": made,
                        "demand": demand,
                        "sold": sold,
                        "lost": demand - sold,
                        "stock": stock,
                    }
                )
            addition = sold - (base - dip)
            dip = forward_buy * addition if extra and addition > 0 else 0.0
        total.earned += revenue
        total.spent += cost - self.unit_cost * stock
        total.demanded += demanded
        total.served += served
        total.stocks += stocks / (self.months * self.histories)

    def _launched(self, total: Run, rework: float, chance: Chance, planned: Sequence[float]) -> Sequence[float]:
        """Demand with the products that are out, as a multiple of regular demand; delays and their cost to ``total``.

        A launch is redone if its luck is below the chance of rework. The worse its luck, the later it comes: given
        that it is redone, luck/chance is uniform, so all delays up to the longest are equally likely.
        """
        launched = list(planned)
        for start, luck in chance.launches:
            total.launches += 1
            if luck >= rework:
                continue
            delay = self.rework_time * (1 - luck / rework)
            total.delays += delay
            total.spent += self.rework_cost * delay
            _spread(launched, start, min(delay, self.launch_life), -self.launch_uplift)
        return launched

    def _summary(self, now: Run, profit: float, gap: float, paid: float, closed: float | None) -> str:
        service = (
            "" if now.service is None else f"serves {written(now.service * 100, 1)}\N{NO-BREAK SPACE}% of demand and "
        )
        firm = f"Over {self.months} months the firm {service}earns {pounds(profit)} a year."
        if closed is None:
            story = f"There is no friction to repair; the mechanisms cost {pounds(paid)} a year."
        elif not paid and not any(self._strengths()):
            story = f"Friction costs it {pounds(gap)} a year, and no mechanism is at work."
        else:
            back = f"win back {written(closed * 100)}\N{NO-BREAK SPACE}% of that"
            lose = "win back less than they cost"
            story = (
                f"Friction would cost it {pounds(gap)} a year. The mechanisms cost {pounds(paid)} a year and "
                f"{back if closed >= 0 else lose}{', net of their cost' if closed >= 0 else ''}."
            )
        return f"{firm} {story} The chart shows the first of {self.histories} histories."


@functools.lru_cache(maxsize=32)
def _chances(seed: int, histories: int, months: int, promotions: int, launches: int) -> tuple[Chance, ...]:
    return tuple(_chance(seed, history, months, promotions, launches) for history in range(histories))


def _chance(seed: int, history: int, months: int, promotions: int, launches: int) -> Chance:
    # A stream for each purpose: one promotion more must not change the errors.
    promoting, erring, launching = (random.Random(f"{seed}/{history}/{use}") for use in ("promote", "err", "launch"))
    parts = -(-months * promotions // 12)
    told = {floor((part + promoting.random()) * 12 / promotions): promoting.uniform(-1, 1) for part in range(parts)}
    return Chance(
        tuple(told.get(month) for month in range(months)),
        tuple(erring.gauss(0, 1) for _ in range(months)),
        tuple((start, launching.random()) for start in _starts(months, launches)),
    )


def _starts(months: int, launches: int) -> list[int]:
    """The months, from 0, for which launches are planned."""
    starts = (FIRST_LAUNCH + floor(i * 12 / launches) for i in range(launches * (1 + months // 12)))
    return [start for start in starts if start < months]


@functools.lru_cache(maxsize=32)
def _planned(months: int, launches: int, life: float, uplift: float) -> tuple[float, ...]:
    """Demand with every launch on time, as a multiple of regular demand."""
    multiples = [1.0] * months
    for start in _starts(months, launches):
        _spread(multiples, start, life, uplift)
    return tuple(multiples)


def _spread(multiples: list[float], start: int, length: float, amount: float) -> None:
    """Add ``amount`` to the months from ``start`` on for ``length`` months, the last in part."""
    for t in range(start, len(multiples)):
        left = start + length - t
        if left <= 0:
            return
        multiples[t] += amount * min(1.0, left)


@functools.lru_cache(maxsize=32)
def _repeated(demand: tuple[float, ...] | str, months: int) -> tuple[float, ...]:
    series = data.series(demand) if isinstance(demand, str) else demand
    return tuple(itertools.islice(itertools.cycle(series), months))


def _share(months: float) -> float:
    return min(max(months, 0.0), 1.0)


@functools.lru_cache(maxsize=64)
def _remembered(settings: tuple[tuple[str, Any], ...], friction: Friction) -> tuple[Run, tuple[float, ...]]:
    rows: list[dict[str, Any]] = []
    run = Mechanisms(**dict(settings))._simulated(friction, rows)
    return run, tuple(row["lost"] for row in rows)


def _is_peak(grid: Mapping[tuple[int, ...], float], place: tuple[int, ...]) -> bool:
    """Whether no neighbour on the grid, one step along one lever, is higher."""
    return all(
        grid.get((*place[:i], place[i] + step, *place[i + 1 :]), -inf) <= grid[place]
        for i in range(3)
        for step in (-1, 1)
    )


def _climbed(
    score: Callable[[Strengths], float],
    start: tuple[float, Strengths],
    moving: Sequence[int],
    costs: Sequence[float],
    budget: float,
    step: float,
) -> tuple[float, Strengths]:
    """The best point that steps from ``start`` lead to: along a lever, or from one to another at the same cost."""
    moves = [{i: sign} for i in moving for sign in (1.0, -1.0)]
    moves += [
        {i: 1.0, j: -costs[i] / costs[j]} for i, j in itertools.permutations(moving, 2) if costs[i] > 0 and costs[j] > 0
    ]

    def there(here: Strengths, move: Mapping[int, float], length: float) -> Strengths:
        point = list(here)
        for i, change in move.items():
            point[i] = min(max(point[i] + length * change, 0.0), 1.0)
        return _affordable(point, list(move), costs, budget)

    best, length = start, step
    while length > FINEST_STEP:
        tried = (there(best[1], move, length) for move in moves)
        better = next(((found, point) for point in tried if (found := score(point)) > best[0]), None)
        if better is None:
            length /= 2
        else:
            best = better
    return best


def _strayed(
    score: Callable[[Strengths], float],
    start: tuple[float, Strengths],
    moving: Sequence[int],
    costs: Sequence[float],
    budget: float,
) -> tuple[float, Strengths]:
    """The best point that random steps of all sizes lead to from ``start``.

    Profit has creases, such as where overtime begins; where they meet, no step along a lever leads up, but one
    between the levers may.
    """
    drawn = random.Random(1)  # the same steps every time
    best = start
    for _ in range(RANDOM_STEPS):
        length = WIDEST_STEP * exp(-9 * drawn.random())
        point = list(best[1])
        for i in moving:
            point[i] = min(max(point[i] + drawn.gauss(0, length), 0.0), 1.0)
        there = _affordable(point, moving, costs, budget)
        if (found := score(there)) > best[0]:
            best = found, there
    return best


def _affordable(point: Sequence[float], moving: Sequence[int], costs: Sequence[float], budget: float) -> Strengths:
    """``point``, or where it costs too much the nearest one on the edge that the budget draws."""
    nearest = list(point)
    over = sum(c * s for c, s in zip(costs, point, strict=True)) - budget
    steepness = sum(costs[i] ** 2 for i in moving)
    if over > 0 and steepness > 0:
        for i in moving:
            nearest[i] = max(point[i] - over * costs[i] / steepness, 0.0)
    process, team, information = nearest
    return process, team, information
