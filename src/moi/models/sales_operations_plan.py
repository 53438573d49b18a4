"""Sales and operations planning: a promotion on one side, a plan for workers, output and stock on the other."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, fsum, inf, isclose, sqrt
from typing import Any, ClassVar

from moi import solver
from moi.model import (
    InputError,
    Judge,
    Measure,
    MiniModel,
    NoComparison,
    Outcome,
    marketing,
    operations,
    pounds,
    setting,
    written,
)

AGREED = "agreed"
POLICIES = ("level", "chase", "optimal")
MOST_MONTHS = 60
NOISE = 1e-7  # units: what a solver's rounding leaves of nothing


@dataclass(frozen=True)
class Plan:
    """What operations decides beforehand, month by month: workers employed, units made, units bought in."""

    workers: tuple[float, ...]
    produced: tuple[float, ...]
    subcontracted: tuple[float, ...]


class NoPlan(Exception):
    """No plan meets the demand planned for; ``str(error)`` says in which month it fails, and why."""


class SalesOperationsPlan(
    MiniModel,
    title="One plan or two?",
    question="What happens to the plan when the promotion and the capacity are planned apart?",
):
    """What happens to the plan when the promotion and the capacity are planned apart?

    Demand d(t) in months t = 1…T. A promotion in month m lowers its price p by x (``discount``). With
    s = √(x / ``reference_discount``) it lifts that month's own demand by the fraction s·``promotion_lift`` and moves
    the fraction s·``forward_buy`` (at most all) of each of the next two months into it:

        D(m) = d(m)(1 + s·lift) + s·forward·(d(m+1) + d(m+2)),   D(m+1) and D(m+2) are lower by what was moved.

    Operations plans for F(t) = ``capacity_view``·D(t), where D holds the promotion that it plans on
    (``planned_promotion``). With workers W, hired H, laid off L, overtime hours O, produced P, subcontracted C, stock I
    and backlog S, the policy ``optimal`` is the linear programme (method :meth:`programme`)

        minimise  Σ days·hours·wage·W + overtime_wage·O + hiring·H + layoff·L
                    + material·P + subcontract·C + holding·I + backlog·S
        W(t) = W(t−1) + H(t) − L(t)                       hours_per_unit·P(t) ≤ days·hours·W(t) + O(t)
        I(t−1) − S(t−1) + P(t) + C(t) = F(t) + I(t) − S(t)   O(t) ≤ overtime_limit·W(t)
        I(T) ≥ final_stock,  S(T) = 0

    ``level`` keeps one workforce and one output that together meet ΣF and the final stock; ``chase`` makes each
    month's net need, without overtime. The plan is then executed against the demand that comes: workers, output and
    subcontracting stay as planned, stock and backlog follow. What is still owed after month T is lost: it brings no
    revenue at the prices of the last months, latest first. Each unit by which the year ends below the final stock
    (lost sales included) is charged at ``shortfall_cost``; each unit above it is unsold and worth ``leftover_value``.
    Both are part of ``cost``; profit = revenue − cost.

    With ``whole_workers`` workers and units are whole (an integer programme). ``subcontract_limit``,
    ``backlog_limit`` and ``most_workers`` bound every month where they are given; a plan that cannot exist is reported
    as a problem, and the measures are then empty.

    A critic would say that demand is known once the promotion is, that customers wait for as long as they are asked
    to, that a plan would be revised once the months went otherwise, and that a worker hired today seldom makes as
    much as the others.

    Source: Chopra and Meindl, Supply Chain Management, the case Red Tomato Tools in the chapters on aggregate planning
    and on sales and operations planning.

    >>> round(SalesOperationsPlan().outcome().measures["profit"])
    217725
    >>> round(SalesOperationsPlan(promotion_month=1).outcome().measures["profit"])
    221485
    """

    measures: ClassVar[tuple[Measure, ...]] = (
        Measure("revenue", "Revenue", "£", "marketing", "more", "money"),
        Measure("cost", "Cost", "£", "operations", "less", "money"),
        Measure("profit", "Profit", "£", "firm", "more", "money"),
        Measure("average_stock", "Average stock", "units"),
        Measure("peak_backlog", "Most units owed at a month's end", "units"),
        Measure("unsold", "Unsold at the end", "units"),
        Measure("lost_sales", "Lost sales", "units"),
        Measure("hired", "Workers hired", "workers", digits=1),
        Measure("laid_off", "Workers laid off", "workers", digits=1),
    )

    promotion_month: int = marketing(
        0,
        low=0,
        high=lambda m: len(m.demand),
        decides=True,
        label="Month of the promotion",
        meaning="counted from 1; 0 for none",
    )
    discount: float = marketing(
        1.0,
        low=0,
        high=lambda m: min(5.0, m.price),
        step=0.05,
        decides=True,
        unit="£/unit",
        label="Discount",
        meaning="off the price in that month, x",
    )
    policy: str = operations(
        "optimal",
        choices=POLICIES,
        decides=True,
        label="Policy",
        meaning="one output all year, output that follows demand, or the cheapest plan",
    )
    capacity_view: float = operations(
        1.0,
        low=0.5,
        high=1.5,
        search=(0.8, 1.2),
        step=0.01,
        decides=True,
        label="Capacity view",
        meaning="what operations builds for, as a fraction of the demand it plans on",
    )
    planned_promotion: int | str = operations(
        AGREED,
        kind="whole",
        words=lambda: (AGREED,),
        low=0,
        high=lambda m: len(m.demand),
        label="Promotion planned on",
        meaning="agreed (what marketing does), 0 for none, or a month",
    )
    demand: tuple[float, ...] = setting(
        (1600, 3000, 3200, 3800, 2200, 2200),
        low=0,
        unit="units",
        label="Demand",
        meaning="without a promotion, month by month, d",
    )
    price: float = setting(40.0, above=0, unit="£/unit", label="Price")
    promotion_lift: float = setting(
        0.10,
        low=0,
        high=100,
        search=(0.0, 2.0),
        step=0.01,
        label="Lift of a promotion",
        meaning="fraction of that month's own demand that the reference discount adds",
    )
    forward_buy: float = setting(
        0.20,
        low=0,
        high=1,
        step=0.01,
        label="Forward buying",
        meaning="fraction of each of the next two months that the reference discount brings forward",
    )
    reference_discount: float = setting(
        1.0,
        above=0,
        unit="£/unit",
        label="Reference discount",
        meaning="the discount that earns this lift and forward buying",
    )
    whole_workers: bool = setting(
        False, label="Whole workers", meaning="workers and units in whole numbers, not fractions"
    )
    initial_stock: float = setting(1_000.0, low=0, unit="units", label="Stock at the start")
    final_stock: float = setting(500.0, low=0, unit="units", label="Stock wanted at the end")
    initial_workers: float = setting(80.0, low=0, unit="workers", label="Workers at the start")
    material_cost: float = setting(10.0, low=0, unit="£/unit", label="Material")
    holding_cost: float = setting(2.0, low=0, unit="£/unit/month", label="Holding")
    backlog_cost: float = setting(
        5.0, low=0, unit="£/unit/month", label="Backlog", meaning="of a unit owed at a month's end"
    )
    subcontract_cost: float = setting(
        30.0, low=0, unit="£/unit", label="Subcontracting", meaning="of a unit bought in, its material included"
    )
    hiring_cost: float = setting(300.0, low=0, unit="£/worker", label="Hiring and training")
    layoff_cost: float = setting(500.0, low=0, unit="£/worker", label="Laying off")
    hours_per_unit: float = setting(4.0, low=0.001, high=1e6, unit="h/unit", label="Hours for a unit")
    regular_wage: float = setting(4.0, low=0, unit="£/h", label="Regular wage")
    overtime_wage: float = setting(6.0, low=0, unit="£/h", label="Overtime wage")
    overtime_limit: float = setting(10.0, low=0, high=744, unit="h/worker/month", label="Most overtime")
    days_per_month: float = setting(20.0, low=1, high=31, unit="days", label="Working days in a month")
    hours_per_day: float = setting(8.0, low=1, high=24, unit="h", label="Hours in a day")
    leftover_value: float = setting(
        10.0, low=0, unit="£/unit", label="Worth of a leftover", meaning="of a unit above the stock wanted at the end"
    )
    shortfall_cost: float = setting(
        26.0, low=0, unit="£/unit", label="Cost of a shortfall", meaning="of a unit below the stock wanted at the end"
    )
    subcontract_limit: float | None = setting(
        None, kind="number", optional=True, low=0, unit="units/month", label="Most subcontracting"
    )
    backlog_limit: float | None = setting(
        None, kind="number", optional=True, low=0, unit="units", label="Most that may be owed", meaning="by the plan"
    )
    most_workers: float | None = setting(
        None, kind="number", optional=True, low=0, unit="workers", label="Most workers", meaning="places in the factory"
    )

    columns: ClassVar[tuple[Measure, ...]] = (
        Measure("demand", "Demand", "units"),
        Measure("produced", "Made", "units"),
        Measure("overtime_hours", "Overtime", "hours"),
        Measure("subcontracted", "Bought in", "units"),
        Measure("stock", "Stock at the end", "units"),
        Measure("backlog", "Owed at the end", "units"),
    )

    chart: ClassVar[dict[str, Any]] = {
        "height": 300,
        "encoding": {
            "x": {
                "field": "month",
                "type": "ordinal",
                "title": "Month",
                "axis": {"labelAngle": 0, "labelOverlap": True, "labelSeparation": 8},
            },
            "color": {
                "type": "nominal",
                "title": None,
                "scale": {
                    "domain": ["Demand", "Made", "Bought in", "Stock (below 0: owed)"],
                    "range": ["marketing", "operations", "gap", "firm"],
                },
            },
        },
        "layer": [
            {
                "data": {"name": "plan"},
                "mark": {"type": "bar", "opacity": 0.75},
                "encoding": {
                    "y": {"field": "produced", "type": "quantitative", "title": "Units", "stack": None},
                    "color": {"datum": "Made"},
                },
            },
            {
                "data": {"name": "plan"},
                "transform": [{"calculate": "datum.produced + datum.subcontracted", "as": "supplied"}],
                "mark": {"type": "bar", "opacity": 0.75},
                "encoding": {
                    "y": {"field": "produced", "type": "quantitative"},
                    "y2": {"field": "supplied"},
                    "color": {"datum": "Bought in"},
                },
            },
            {
                "data": {"name": "plan"},
                "transform": [{"calculate": "datum.stock - datum.backlog", "as": "net"}],
                "mark": {"type": "line", "strokeWidth": 2.2, "strokeDash": [6, 3]},
                "encoding": {
                    "y": {"field": "net", "type": "quantitative"},
                    "color": {"datum": "Stock (below 0: owed)"},
                },
            },
            {
                "data": {"name": "plan"},
                "mark": {"type": "line", "strokeWidth": 2.5},
                "encoding": {"y": {"field": "demand", "type": "quantitative"}, "color": {"datum": "Demand"}},
            },
        ],
    }

    def check_together(self) -> None:
        if len(self.demand) > MOST_MONTHS:
            raise InputError(
                "demand",
                self.demand,
                f"at most {MOST_MONTHS} months",
                f"demand must hold at most {MOST_MONTHS} months; got {len(self.demand)}.",
            )

    def outcome(self) -> Outcome:
        came = self._demand(self.promotion_month)
        try:
            plan = self._plan()
        except NoPlan as why:
            return Outcome(
                measures={measure.name: None for measure in self.measures},
                tables={"plan": [self._row(month, units) for month, units in enumerate(came, start=1)]},
                problems=(str(why),),
                summary="There is no plan to show.",
            )
        measures, rows = self._executed(plan, came, self.discount)
        return Outcome(measures=measures, tables={"plan": rows}, summary=self._summary(measures, rows))

    def programme(self) -> str:
        """The linear programme of the policy ``optimal`` at the present values, as text in LP format."""
        months = range(1, len(self.demand) + 1)
        wage = _number(self._hours() * self.regular_wage)
        costs = [
            f"   + {wage} workers_{t} + {_number(self.hiring_cost)} hired_{t}"
            f" + {_number(self.layoff_cost)} laid_off_{t} + {_number(self.overtime_wage)} overtime_{t}\n"
            f"   + {_number(self.material_cost)} produced_{t} + {_number(self.subcontract_cost)} subcontracted_{t}"
            f" + {_number(self.holding_cost)} stock_{t} + {_number(self.backlog_cost)} backlog_{t}"
            for t in months
        ]
        rows = [
            f" staff_{t}: workers_{t} - workers_{t - 1} - hired_{t} + laid_off_{t} = 0\n"
            f" hours_{t}: {_number(self.hours_per_unit)} produced_{t} - {_number(self._hours())} workers_{t}"
            f" - overtime_{t} <= 0\n"
            f" limit_{t}: overtime_{t} - {_number(self.overtime_limit)} workers_{t} <= 0\n"
            f" balance_{t}: stock_{t - 1} - backlog_{t - 1} + produced_{t} + subcontracted_{t}"
            f" - stock_{t} + backlog_{t} = {_number(needed)}"
            for t, needed in zip(months, self._planned_for(), strict=True)
        ]
        last = len(self.demand)
        bounds = [
            f" workers_0 = {_number(self.initial_workers)}\n stock_0 = {_number(self.initial_stock)}\n backlog_0 = 0",
            f" stock_{last} >= {_number(self.final_stock)}\n backlog_{last} = 0",
        ]
        limits = (("workers", self.most_workers), ("subcontracted", self.subcontract_limit))
        bounds += [f" {name}_{t} <= {_number(most)}" for name, most in limits if most is not None for t in months]
        if self.backlog_limit is not None:
            bounds += [f" backlog_{t} <= {_number(self.backlog_limit)}" for t in months[:-1]]
        whole = [f" workers_{t} produced_{t} subcontracted_{t}" for t in months] if self.whole_workers else []
        return "\n".join(
            [
                "\\ The cheapest plan for the demand planned for, in pounds. The number after a name is the month.",
                "Minimize",
                " cost:",
                *costs,
                "Subject To",
                "\\ staff: who worked last month, less the laid off, plus the hired",
                "\\ hours: what is produced takes no more than regular time and overtime",
                "\\ limit: each worker's overtime",
                "\\ balance: stock and what comes in meet the demand, or leave a backlog",
                *rows,
                "Bounds",
                *bounds,
                *(["General", *whole] if whole else []),
                "End",
                "",
            ]
        )

    def best_levers(self, judge: Judge, levers: Sequence[str]) -> Mapping[str, Any] | None:
        """The best of every month, policy and promotion planned on, each with its best discount and capacity view.

        A plan is piecewise linear in the capacity view and in the root of the discount, so a search along either is
        exact: it finds where the pieces meet, and the result of each piece is a line or a cubic. Where both move, the
        best view is found for each of a few discounts, the most promising combinations are narrowed down between
        their neighbours by golden section, and single searches along either lever end it once neither gains. With
        whole workers the search is made in fractions and its best combinations are compared in whole workers.
        """
        fractional = self.but(whole_workers=False)
        choices = [list(fractional._choices(name)) for name in levers if name not in _CONTINUOUS]
        discrete = [name for name in levers if name not in _CONTINUOUS]
        continuous = [name for name in levers if name in _CONTINUOUS]
        sign = 1 if self.goal(judge).better == "more" else -1
        start = [fractional.but(**dict(zip(discrete, values, strict=True))) for values in itertools.product(*choices)]
        search = _Search(judge, sign, fractional, tuple(levers))
        if len(continuous) == 2:
            search.coarse(start)
        else:
            for model in start:
                search.along(model, continuous)
        # The present is tried first, so that it stays where nothing is better.
        tried = [self]
        tried += [m.but(whole_workers=self.whole_workers) for m in search.finalists(5 if self.whole_workers else 1)]
        best = max(tried, key=search.score_of)
        if problems := best.outcome().problems:
            raise NoComparison(f"{self.name}: every setting that {judge} could choose has a problem: {problems[0]}")
        return {name: getattr(best, name) for name in levers}

    def _choices(self, name: str) -> Sequence[Any]:
        if name == "policy":
            return POLICIES
        months = range(len(self.demand) + 1)
        return [AGREED, *months] if name == "planned_promotion" else months

    # Demand

    def _strength(self) -> float:
        return sqrt(self.discount / self.reference_discount)

    def _demand(self, month: int) -> list[float]:
        """The demand of each month with a promotion in ``month`` (0: none) at the present discount."""
        demand = list(self.demand)
        if month == 0:
            return demand
        moved = min(1.0, self.forward_buy * self._strength())
        demand[month - 1] *= 1 + self.promotion_lift * self._strength()
        for later in range(month, min(month + 2, len(demand))):
            demand[month - 1] += moved * self.demand[later]
            demand[later] -= moved * self.demand[later]
        return demand

    def _planned_for(self) -> list[float]:
        month = self.promotion_month if self.planned_promotion == AGREED else int(self.planned_promotion)
        return [self.capacity_view * units for units in self._demand(month)]

    def _promotes(self) -> bool:
        """Whether the discount makes any difference: to what comes, or to what is planned for."""
        return self.promotion_month > 0 or self.planned_promotion not in (AGREED, 0)

    # The plan

    def _hours(self) -> float:
        return self.days_per_month * self.hours_per_day

    def _plan(self) -> Plan:
        planned_for = self._planned_for()
        if self.policy == "optimal":
            plan = _cheapest(self.programme(), len(planned_for))
            if isinstance(plan, Plan):
                return plan
            raise NoPlan(self._why_none(planned_for) if plan == "infeasible" else self._why_unfinished())
        return self._level(planned_for) if self.policy == "level" else self._chase(planned_for)

    def _level(self, planned_for: Sequence[float]) -> Plan:
        months = len(planned_for)
        output = max(0.0, (fsum(planned_for) + self.final_stock - self.initial_stock) / months)
        output = self._rounded_up(output)
        self._check_places(1, output)
        owed = -self.initial_stock
        for month, units in enumerate(planned_for, start=1):
            owed += units - output
            if self.backlog_limit is not None and owed > self.backlog_limit + NOISE:
                raise NoPlan(
                    f"In month {month} a level output of {written(output)} units would leave {written(owed)} units "
                    f"owed, and at most {written(self.backlog_limit)} may be."
                )
        return Plan((self._staff(output),) * months, (output,) * months, (0.0,) * months)

    def _chase(self, planned_for: Sequence[float]) -> Plan:
        stock, outputs = self.initial_stock, []
        for month, units in enumerate(planned_for, start=1):
            wanted = units + (self.final_stock if month == len(planned_for) else 0.0)
            output = self._rounded_up(max(0.0, wanted - stock))
            self._check_places(month, output)
            stock += output - units
            outputs.append(output)
        return Plan(tuple(map(self._staff, outputs)), tuple(outputs), (0.0,) * len(outputs))

    def _staff(self, output: float) -> float:
        return self._rounded_up(output * self.hours_per_unit / self._hours())

    def _rounded_up(self, number: float) -> float:
        # What is whole but for rounding stays as it is.
        return float(ceil(number - 1e-9 * (1 + number))) if self.whole_workers else number

    def _check_places(self, month: int, output: float) -> None:
        if self.most_workers is not None and self._staff(output) > self.most_workers + NOISE:
            raise NoPlan(
                f"To make {written(output)} units in month {month} takes {written(self._staff(output), 1)} workers, "
                f"and the factory has places for {written(self.most_workers, 1)}."
            )

    def _why_unfinished(self) -> str:
        if self.whole_workers:
            return "The best plan in whole workers takes too long to find: try fewer months, or workers in fractions."
        return "These values are too far apart for the solver to tell one plan from another."

    def _why_none(self, planned_for: Sequence[float]) -> str:
        """The first month that even the greatest possible supply cannot meet."""
        places = self.most_workers if self.most_workers is not None else inf
        made = places * (self._hours() + self.overtime_limit) / self.hours_per_unit
        bought = self.subcontract_limit if self.subcontract_limit is not None else inf
        if self.whole_workers:
            made, bought = (each // 1 if each < inf else each for each in (made, bought))
        supply, needed = self.initial_stock, 0.0
        for month, units in enumerate(planned_for, start=1):
            supply += made + bought
            needed += units
            last = month == len(planned_for)
            may_wait = 0.0 if last else self.backlog_limit if self.backlog_limit is not None else inf
            wanted = needed + (self.final_stock if last else -may_wait)
            if supply < wanted:
                stock = f" with the final stock of {written(self.final_stock)}" if last and self.final_stock else ""
                return (
                    f"Month {month} cannot be met: by its end {written(wanted if last else needed)} units are "
                    f"needed{stock}, and {written(supply)} are the most that there can be: "
                    f"{written(self.initial_stock)} in stock at the start, {written(made)} a month made by "
                    f"{written(places)} workers with overtime, and {written(bought)} a month bought in."
                    + ("" if last or not may_wait else f" At most {written(may_wait)} may be owed.")
                )
        return "No plan meets the demand planned for within the limits set."

    # What comes of it

    def _executed(
        self, plan: Plan, came: Sequence[float], discount: float
    ) -> tuple[dict[str, float | None], list[dict[str, Any]]]:
        """The measures, and a row for each month, of ``plan`` against the demand that ``came`` at ``discount``."""
        rows, costs = [], []
        net, workers_before, hired, laid_off = self.initial_stock, self.initial_workers, 0.0, 0.0
        for month, (units, workers, produced, bought) in enumerate(
            zip(came, plan.workers, plan.produced, plan.subcontracted, strict=True), start=1
        ):
            net += produced + bought - units
            net = 0.0 if abs(net) < NOISE else net
            overtime = max(0.0, produced * self.hours_per_unit - workers * self._hours())
            overtime = 0.0 if overtime < NOISE * (1 + self.hours_per_unit) else overtime
            stock, backlog = max(net, 0.0), max(-net, 0.0)
            rows.append(self._row(month, units, workers, produced, overtime, bought, stock, backlog))
            hired += max(workers - workers_before, 0.0)
            laid_off += max(workers_before - workers, 0.0)
            workers_before = workers
            costs += [
                workers * self._hours() * self.regular_wage,
                overtime * self.overtime_wage,
                produced * self.material_cost,
                bought * self.subcontract_cost,
                stock * self.holding_cost,
                backlog * self.backlog_cost,
            ]
        unsold, short = max(net - self.final_stock, 0.0), max(self.final_stock - net, 0.0)
        costs += [
            hired * self.hiring_cost,
            laid_off * self.layoff_cost,
            short * self.shortfall_cost,
            -unsold * self.leftover_value,
        ]
        stocks = [self.initial_stock, *(row["stock"] for row in rows)]
        revenue, cost = self._revenue(came, max(-net, 0.0), discount), fsum(costs)
        return {
            "revenue": revenue,
            "cost": cost,
            "profit": revenue - cost,
            "average_stock": (fsum(stocks) - (stocks[0] + stocks[-1]) / 2) / len(rows),
            "peak_backlog": max(row["backlog"] for row in rows),
            "unsold": unsold,
            "lost_sales": max(-net, 0.0),
            "hired": hired,
            "laid_off": laid_off,
        }, rows

    @staticmethod
    def _row(month: int, demand: float, *rest: float) -> dict[str, Any]:
        names = ("workers", "produced", "overtime_hours", "subcontracted", "stock", "backlog")
        return {"month": month, "demand": demand, **dict(zip(names, rest or (None,) * len(names), strict=True))}

    def _revenue(self, came: Sequence[float], lost: float, discount: float) -> float:
        """What the demand that ``came`` brings, less the units ``lost``, which are those asked for last."""
        parts = []
        for month, units in reversed(list(enumerate(came, start=1))):
            missed = min(units, lost)
            lost -= missed
            price = self.price - (discount if month == self.promotion_month else 0.0)
            parts.append(price * (units - missed))
        return fsum(parts)

    def _summary(self, measures: Mapping[str, float | None], rows: Sequence[Mapping[str, Any]]) -> str:
        peak = max(rows, key=lambda row: row["demand"])
        workers = [row["workers"] for row in rows]
        few, many = written(min(workers), 1), written(max(workers), 1)
        crew = f"{few} workers throughout" if few == many else f"between {few} and {many} workers"
        owed, unsold, lost = (measures[name] or 0.0 for name in ("peak_backlog", "unsold", "lost_sales"))
        ends = [f"{written(unsold)} units are left unsold"] if unsold >= 0.5 else []
        ends += [f"{written(lost)} are lost"] if lost >= 0.5 else []
        return (
            f"Demand peaks in month {peak['month']} at {written(peak['demand'])} units. The plan employs {crew}; stock "
            f"averages {written(measures['average_stock'] or 0.0)} units, and at most {written(owed)} are owed. "
            f"{' and '.join(ends).capitalize() if ends else 'Nothing is left unsold or lost'}: revenue of "
            f"{pounds(measures['revenue'] or 0.0)} less cost of {pounds(measures['cost'] or 0.0)} leaves "
            f"{pounds(measures['profit'] or 0.0)}."
        )


_CONTINUOUS = ("discount", "capacity_view")
_COARSE = 7  # discounts at which the best view is found first
_NARROWED = 2  # combinations that are then searched finely
_Line = tuple[float, ...]


class _Search:
    """The best settings met so far, for one judge; of equal ones the closest to the present."""

    def __init__(self, judge: Judge, sign: int, present: SalesOperationsPlan, levers: Sequence[str]) -> None:
        self.goal, self.sign, self.present, self.levers = present.goal(judge).name, sign, present, levers
        self.found: list[tuple[float, float, SalesOperationsPlan]] = []

    def score_of(self, model: SalesOperationsPlan) -> float:
        value = model.outcome().measures[self.goal]
        return -inf if value is None else self.sign * value

    def finalists(self, most: int) -> list[SalesOperationsPlan]:
        """The best settings, best first."""
        top = max((score for score, _, _ in self.found), default=-inf)
        ranked = sorted(
            self.found, key=lambda f: (0 if isclose(f[0], top, rel_tol=1e-11, abs_tol=1e-9) else top - f[0], f[1])
        )
        return [model for _, _, model in ranked[:most]]

    def along(self, model: SalesOperationsPlan, continuous: Sequence[str]) -> tuple[float, SalesOperationsPlan] | None:
        """The best of ``model`` with at most one continuous lever moved; it is also remembered."""
        lever = continuous[0] if continuous else None
        if lever is None or lever == "discount" and not model._promotes():
            found: list[tuple[float, float | None]] = [(self.score_of(model), None)]
        else:
            found = list(self._line(model, lever))
        top = max((score for score, _ in found), default=-inf)
        if top == -inf:
            return None
        tops = {value for score, value in found if isclose(score, top, rel_tol=1e-11, abs_tol=1e-9)}
        best = min(
            (model if value is None or lever is None else model.but(**{lever: value}) for value in tops), key=self._away
        )
        score = top
        self.found.append((score, self._away(best), best))
        return score, best

    def coarse(self, start: Sequence[SalesOperationsPlan]) -> None:
        """Both continuous levers: a few discounts for each of ``start``, then the best of them finely."""
        reached = []
        for model in start:
            low, high = model.parameters["discount"].search_limits(model)
            idle = not model._promotes()
            count = max(3, min(_COARSE, 60 // len(model.demand)))
            steps = [low + (high - low) * (i / (count - 1)) ** 2 for i in range(count)]
            values = [model.discount] if idle else steps
            best = [self.along(model.but(discount=x), ["capacity_view"]) for x in values]
            scores = [-inf if b is None else b[0] for b in best]
            at = max(range(len(values)), key=scores.__getitem__)
            if scores[at] > -inf and not idle:
                reached.append((scores[at], model, values[max(at - 1, 0)], values[min(at + 1, count - 1)]))
        reached.sort(key=lambda r: -r[0])
        for _, model, low, high in reached[:_NARROWED]:
            self._finely(model, low, high)

    def _finely(self, model: SalesOperationsPlan, low: float, high: float) -> None:
        def best_view(x: float) -> float:
            found = self.along(model.but(discount=x), ["capacity_view"])
            return -inf if found is None else found[0]

        ratio = (sqrt(5) - 1) / 2
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        at_a, at_b = best_view(a), best_view(b)
        while high - low > 1e-3:
            if at_a >= at_b:
                high, b, at_b = b, a, at_a
                a = high - ratio * (high - low)
                at_a = best_view(a)
            else:
                low, a, at_a = a, b, at_b
                b = low + ratio * (high - low)
                at_b = best_view(b)
        score, _, best = max(self.found, key=lambda f: f[0])
        for _ in range(20):
            before = score
            for lever in _CONTINUOUS:
                found = self.along(best, [lever])
                if found is not None and found[0] > score:
                    score, best = found
            if score <= before + 1e-9 * (1 + abs(before)):
                return

    def _away(self, model: SalesOperationsPlan) -> float:
        """How far ``model`` is from the present, each lever in its own range."""
        total = 0.0
        for name in self.levers:
            here, there = getattr(self.present, name), getattr(model, name)
            if isinstance(here, str) or isinstance(there, str):
                total += here != there
            else:
                low, high = self.present.parameters[name].search_limits(self.present)
                total += abs(here - there) / max(high - low, 1e-12)
        return total

    def _line(self, model: SalesOperationsPlan, lever: str) -> Iterator[tuple[float, float]]:
        """Scores and values of ``lever`` among which the best is, all else as it is in ``model``."""
        months, root = len(model.demand), lever == "discount"
        scale = model.reference_discount if root else 1.0
        low, high = model.parameters[lever].search_limits(model)
        present = getattr(self.present, lever)
        if root:
            low, high, present = (sqrt(x / scale) for x in (low, high, present))

        def value(x: float) -> float:
            return min(scale * x * x, model.parameters[lever].search_limits(model)[1]) if root else x

        @functools.cache
        def at(x: float) -> _Line | None:
            moved = model.but(**{lever: value(x)})
            try:
                plan = moved._plan()
            except NoPlan:
                return None
            came = moved._demand(moved.promotion_month)
            return (*plan.workers, *plan.produced, *plan.subcontracted, *came)

        def score(line: _Line, x: float) -> float:
            parts = [line[i * months : (i + 1) * months] for i in range(4)]
            discount = value(x) if root else model.discount
            measures, _ = model._executed(Plan(*parts[:3]), parts[3], discount)
            return self.sign * (measures[self.goal] or 0.0)

        within = _where(at, low, high)
        if within is None:
            return
        for a, b in _pieces(at, *within):
            at_a, at_b = _through(at, a, b)
            ends = sorted({a, b, *_kinks(model, a, at_a, b, at_b), min(max(present, a), b)})
            for c, d in itertools.pairwise(ends) if len(ends) > 1 else [(a, b)]:

                def here(x: float, a: float = a, b: float = b, p: _Line = at_a, q: _Line = at_b) -> float:
                    return score(_mixed(p, q, (x - a) / (b - a) if b > a else 0.0), x)

                for x in (c, d, *(_cubic_top(here, c, d) if root else ())):
                    yield here(x), value(x)


def _where(at: Callable[[float], _Line | None], low: float, high: float) -> tuple[float, float] | None:
    """The part of the range in which there is a plan."""
    points = [low + (high - low) * i / 8 for i in range(9)]
    good = [i for i, x in enumerate(points) if at(x) is not None]
    if not good:
        return None
    ends = []
    for inside, outside in ((good[0], good[0] - 1), (good[-1], good[-1] + 1)):
        a, b = points[inside], points[outside] if 0 <= outside < 9 else points[inside]
        for _ in range(40 if a != b else 0):
            middle = (a + b) / 2
            a, b = (middle, b) if at(middle) is not None else (a, middle)
        ends.append(a)
    return ends[0], ends[1]


def _pieces(at: Callable[[float], Any], a: float, b: float, depth: int = 0) -> Iterator[tuple[float, float]]:
    """Intervals that cover a…b, on each of which ``at`` is linear."""
    width = b - a
    if width < 1e-9 or depth > 12 or all(_close(at(x), _mixed(at(a), at(b), (x - a) / width)) for x in _inside(a, b)):
        yield a, b
        return
    # Two lines, from either end: where they cross is where the pieces meet, if there are two.
    step = width * 1e-3
    rise_a = [(q - p) / step for p, q in zip(at(a), at(a + step), strict=True)]
    rise_b = [(q - p) / step for p, q in zip(at(b - step), at(b), strict=True)]
    turn = max(range(len(rise_a)), key=lambda i: abs(rise_a[i] - rise_b[i]))
    if rise_a[turn] != rise_b[turn]:
        meet = a + (at(b)[turn] - at(a)[turn] - rise_b[turn] * width) / (rise_a[turn] - rise_b[turn])
        if a + step < meet < b - step:
            from_a = tuple(p + r * (meet - a) for p, r in zip(at(a), rise_a, strict=True))
            from_b = tuple(p - r * (b - meet) for p, r in zip(at(b), rise_b, strict=True))
            if _close(at(meet), from_a) and _close(at(meet), from_b):
                yield from ((a, meet), (meet, b))
                return
    yield from _pieces(at, a, (a + b) / 2, depth + 1)
    yield from _pieces(at, (a + b) / 2, b, depth + 1)


def _through(at: Callable[[float], Any], a: float, b: float) -> tuple[_Line, _Line]:
    """The line of a piece at its ends, drawn through two points inside: at an end another plan may cost the same."""
    if b - a < 1e-9:
        return at(a), at(b)
    x, y = _inside(a, b)
    slope = [(q - p) / (y - x) for p, q in zip(at(x), at(y), strict=True)]
    return (
        tuple(p - r * (x - a) for p, r in zip(at(x), slope, strict=True)),
        tuple(p + r * (b - x) for p, r in zip(at(x), slope, strict=True)),
    )


def _inside(a: float, b: float) -> tuple[float, float]:
    return a + 0.37 * (b - a), a + 0.71 * (b - a)


def _mixed(p: _Line, q: _Line, share: float) -> _Line:
    return tuple(x + (y - x) * share for x, y in zip(p, q, strict=True))


def _close(p: _Line, q: _Line) -> bool:
    return all(isclose(x, y, rel_tol=1e-7, abs_tol=1e-5) for x, y in zip(p, q, strict=True))


def _kinks(model: SalesOperationsPlan, a: float, at_a: _Line, b: float, at_b: _Line) -> Iterator[float]:
    """Where, between a and b, a stock runs out or fills up, hiring turns into laying off, or overtime begins."""
    for p, q in zip(_turning(model, at_a), _turning(model, at_b), strict=True):
        if p * q < 0:
            yield a + (b - a) * p / (p - q)


def _turning(model: SalesOperationsPlan, line: _Line) -> list[float]:
    """The quantities of a year whose sign decides what they cost."""
    months = len(model.demand)
    workers, produced, bought, came = (line[i * months : (i + 1) * months] for i in range(4))
    nets = list(
        itertools.accumulate(
            (p + c - d for p, c, d in zip(produced, bought, came, strict=True)), initial=model.initial_stock
        )
    )[1:]
    owed_at_most = itertools.accumulate(reversed(came))
    return [
        *nets,
        nets[-1] - model.final_stock,
        *(nets[-1] + owed for owed in owed_at_most),
        *(now - before for before, now in itertools.pairwise((model.initial_workers, *workers))),
        *(p * model.hours_per_unit - w * model._hours() for p, w in zip(produced, workers, strict=True)),
    ]


def _cubic_top(f: Callable[[float], float], a: float, b: float) -> list[float]:
    """Where the cubic ``f`` has level ground between a and b."""
    if b - a < 1e-12:
        return []
    f0, f1, f2, f3 = (f(a + (b - a) * i / 3) for i in range(4))
    # By differences, with u = 0…3 from a to b.
    d1, d2, d3 = f1 - f0, f2 - 2 * f1 + f0, f3 - 3 * f2 + 3 * f1 - f0
    # f = f0 + d1·u + d2·u(u−1)/2 + d3·u(u−1)(u−2)/6; its slope is p·u² + q·u + r.
    p, q, r = d3 / 2, d2 - d3, d1 - d2 / 2 + d3 / 3
    if abs(p) <= 1e-12 * (abs(q) + abs(r)):
        roots = [-r / q] if q else []
    else:
        under = q * q - 4 * p * r
        roots = [] if under < 0 else [(-q + sign * sqrt(under)) / (2 * p) for sign in (-1, 1)]
    return [a + (b - a) * u / 3 for u in roots if 0 < u < 3]


@functools.lru_cache(maxsize=4096)
def _cheapest(programme: str, months: int) -> Plan | solver.Status:
    """The optimum of ``programme`` as a plan, or the solver's status where there is none."""
    found = solver.solve(programme)
    if found.status != "optimal":
        return found.status
    return Plan(
        *(
            tuple(max(0.0, found.variables[f"{name}_{t}"]) for t in range(1, months + 1))
            for name in ("workers", "produced", "subcontracted")
        )
    )


def _number(number: float) -> str:
    """``number`` as LP format takes it, without a needless ``.0``; what the solver would drop as nothing is nothing."""
    if abs(number) < 1e-9:
        return "0"
    return str(int(number)) if number == int(number) else repr(number)
