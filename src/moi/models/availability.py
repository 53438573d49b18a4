"""How much to have on the shelf? Three optima for one stock: marketing's, operations' and the firm's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any, ClassVar

from moi import curves
from moi.model import Judge, Measure, MiniModel, Outcome, marketing, operations, pounds, setting, written

POINTS = 60
STANDARD = NormalDist()
# Mean demand must stand this many standard deviations above zero for the normal to be a fair picture.
FAIR = 2


class Availability(
    MiniModel, title="How much on the shelf?", question="How many lost customers does one unsold unit outweigh?"
):
    """How many lost customers does one unsold unit outweigh?

    The price-setting newsvendor. Demand in the period is normal with mean μ = M − b·p and standard deviation σ
    (M = ``market``, b = ``price_sensitivity``, p = ``price``, σ = ``demand_sd``). Q units (``stock``) are there before
    it is known. With z = (Q − μ)/σ, φ and Φ the standard normal density and distribution,

        E[short] = σ·(φ(z) − z·(1 − Φ(z))),   E[left] = Q − μ + E[short],   E[sold] = μ − E[short].

    A unit costs c = ``unit_cost``; one left over fetches ``salvage`` v; a customer turned away costs the firm
    ``goodwill`` g. Marketing is judged by p·E[sold], operations by c·Q − v·E[left] + g·E[short], the firm by the
    difference. For a given price the best stock is where Φ(z) is

        operations: (g − c)/(g − v),   the firm: (p + g − c)/(p + g − v),

    the critical ratio of the newsvendor; marketing would stock without limit. Where g ≤ c operations would stock
    nothing. The shelf is then empty, no price brings in anything, and marketing's stays as it is.

    A critic would say that demand is not normal, that one period is not a season, and that nobody knows g well.

    Source: Petruzzi and Dada (1999), "Pricing and the newsvendor problem", Operations Research 47(2).

    >>> model = Availability(market=500, price_sensitivity=0, price=10, goodwill=0, unit_cost=5, salvage=0)
    >>> round(model.best_levers("firm", ["stock"])["stock"], 6)          # the critical ratio is one half: the mean
    500.0
    """

    measures: ClassVar[tuple[Measure, ...]] = (
        Measure("expected_revenue", "Expected revenue", "£", "marketing", "more", "money"),
        Measure("expected_supply_cost", "Expected cost of supply", "£", "operations", "less", "money"),
        Measure("profit", "Expected profit", "£", "firm", "more", "money"),
        Measure("availability", "Chance that nobody is turned away", form="share", digits=1),
        Measure("fill_rate", "Fill rate: share of demand served", form="share", digits=1),
        Measure("expected_left", "Expected left over", "units", digits=1),
        Measure("expected_short", "Expected turned away", "customers", digits=1),
        Measure("mean_demand", "Mean demand", "units"),
    )

    price: float = marketing(
        12.0,
        low=0,
        high=lambda m: m.market / m.price_sensitivity if m.price_sensitivity else 1e6,
        # Where demand does not answer to the price, the price is no lever: it stays.
        search=(
            lambda m: 0.0 if m.price_sensitivity else m.price,
            lambda m: m.market / m.price_sensitivity if m.price_sensitivity else m.price,
        ),
        decides=True,
        step=0.1,
        unit="£/unit",
        label="Price",
        meaning="p in the equations",
    )
    stock: float = operations(
        500.0,
        low=0,
        high=1e9,
        search=(0.0, lambda m: m.market + 6 * m.demand_sd),
        decides=True,
        step=1,
        unit="units",
        label="Stock",
        meaning="what is there when the day begins, Q",
    )
    market: float = setting(980.0, low=1, high=1e6, unit="units", label="Market", meaning="mean demand at no price, M")
    price_sensitivity: float = setting(
        40.0, low=0, high=1e6, unit="units per £", label="Price sensitivity", meaning="b; 0: demand ignores the price"
    )
    demand_sd: float = setting(
        120.0, low=0, high=1e6, unit="units", label="Spread of demand", meaning="standard deviation, σ"
    )
    unit_cost: float = setting(4.0, low=0, high=1e6, unit="£/unit", label="Unit cost", meaning="c")
    salvage: float = setting(
        1.0,
        low=-1e6,
        below=lambda m: m.unit_cost,
        unit="£/unit",
        label="Salvage value",
        meaning="what a unit left over fetches, v",
    )
    goodwill: float = setting(
        6.0, low=0, high=1e6, unit="£/customer", label="Goodwill", meaning="cost of a customer turned away, g"
    )

    columns: ClassVar[tuple[Measure, ...]] = (
        Measure("revenue", "Expected revenue", "£", form="money"),
        Measure("supply_cost", "Expected cost of supply", "£", form="money"),
    )

    chart: ClassVar[dict[str, Any]] = {
        "height": 300,
        "encoding": {
            "x": {
                "field": "stock",
                "type": "quantitative",
                "title": "Stock, units",
                "axis": {"labelSeparation": 8},
                "scale": {"nice": False},
            }
        },
        "layer": [
            *curves.lines(
                "curve",
                {"title": "£"},
                {
                    "Revenue": ("revenue", "marketing"),
                    "Cost of supply": ("supply_cost", "operations"),
                    "Profit": ("profit", "firm"),
                },
            ),
            *curves.here("profit"),
        ],
    }

    def measured(self) -> Outcome:
        mean = self._mean_demand()
        short, left = self._short_and_left(self.stock)
        revenue, cost = self._revenue_and_cost(self.stock)
        return Outcome(
            measures={
                "expected_revenue": revenue,
                "expected_supply_cost": cost,
                "profit": revenue - cost,
                "availability": self._availability(),
                "fill_rate": (mean - short) / mean if mean > 0 else None,
                "expected_left": left,
                "expected_short": short,
                "mean_demand": mean,
            },
            problems=self._problems(mean),
        )

    def outcome(self) -> Outcome:
        short, left = self._short_and_left(self.stock)
        revenue, cost = self._revenue_and_cost(self.stock)
        return replace(
            self.measured(),
            tables={"curve": self._curve(), "now": [{"stock": self.stock, "profit": revenue - cost}]},
            summary=(
                f"With {written(self.stock)} units for a mean demand of {written(self._mean_demand())}, "
                f"{written(short, 1)} customers are expected to be turned away and {written(left, 1)} units to be "
                f"left; the firm expects {pounds(revenue - cost)}. At this price its best stock is "
                f"{written(self._best_stock('firm'))}, that of operations alone "
                f"{written(self._best_stock('operations'))}."
            ),
        )

    def best_levers(self, judge: Judge, levers: Sequence[str]) -> Mapping[str, Any] | None:
        """The stock by the critical ratio, the price where its marginal gain is nought, the firm's two together.

        Marketing's stock is the most that may be searched; operations' cost falls with every customer that a higher
        price keeps away, so it is given no price.
        """
        if self.price_sensitivity == 0:  # the price is no lever
            levers = [name for name in levers if name != "price"]
        if list(levers) == ["stock"]:
            top = self.parameters["stock"].search_limits(self)[1]
            return {"stock": top if judge == "marketing" else min(self._best_stock(judge), top)}
        if list(levers) == ["price"] and judge != "operations":
            return self._best_price(judge)
        if set(levers) == {"price", "stock"} and judge == "firm":
            return self._together()
        return None if levers else {}

    def _best_price(self, judge: Judge) -> Mapping[str, float] | None:
        dearest = self._dearest()
        if dearest is None:
            return None
        return {"price": _turning_point(lambda price: self.but(price=price)._gain(judge), 0.0, dearest)}

    def _together(self) -> Mapping[str, float] | None:
        """The price at which the firm's gain turns, with the stock that follows it.

        The gain falls as the price rises, but not where hardly any stock pays: a grid finds where to look.
        """
        dearest = self._dearest()
        if dearest is None:
            return None

        def at(price: float) -> Availability:
            there = self.but(price=price)
            return there.but(stock=there._best_stock("firm"))

        def profit(price: float) -> float:
            there = at(price)
            revenue, cost = there._revenue_and_cost(there.stock)
            return revenue - cost

        grid = [dearest * step / POINTS for step in range(POINTS + 1)]
        best = max(range(len(grid)), key=lambda i: profit(grid[i]))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, POINTS)]
        price = _turning_point(lambda price: at(price)._gain("firm"), low, high)
        return {"price": price, "stock": at(price).stock}

    def _dearest(self) -> float | None:
        """The highest price at which the normal is a fair picture; none where there is none or demand is certain."""
        dearest = (self.market - FAIR * self.demand_sd) / self.price_sensitivity
        return dearest if dearest > 0 and self.demand_sd > 0 else None

    def _gain(self, judge: Judge) -> float:
        """What raising the price brings, £ for each £: it earns on E[sold] and drives b customers away."""
        salvage, goodwill = (self.salvage, self.goodwill) if judge == "firm" else (0.0, 0.0)
        kept = self._availability()  # the chance that a customer driven away would have been served
        lost = (self.price - salvage) * kept - goodwill * (1 - kept)
        return self._mean_demand() - self._short_and_left(self.stock)[0] - self.price_sensitivity * lost

    def _mean_demand(self) -> float:
        return self.market - self.price_sensitivity * self.price

    def _best_stock(self, judge: Judge) -> float:
        earned = self.price if judge == "firm" else 0.0
        gain = earned + self.goodwill - self.unit_cost
        if gain <= 0:
            return 0.0
        ratio = gain / (gain + self.unit_cost - self.salvage)
        if self.demand_sd == 0:
            return self._mean_demand()
        return max(self._mean_demand() + self.demand_sd * STANDARD.inv_cdf(ratio), 0.0)

    def _short_and_left(self, stock: float) -> tuple[float, float]:
        over = stock - self._mean_demand()
        if self.demand_sd == 0:
            return max(-over, 0.0), max(over, 0.0)
        z = over / self.demand_sd
        # Each loss is computed from its own small tail: the difference of two large numbers would lose it.
        return self.demand_sd * _loss(z), self.demand_sd * _loss(-z)

    def _availability(self) -> float:
        over = self.stock - self._mean_demand()
        return float(over >= 0) if self.demand_sd == 0 else STANDARD.cdf(over / self.demand_sd)

    def _revenue_and_cost(self, stock: float) -> tuple[float, float]:
        short, left = self._short_and_left(stock)
        revenue = self.price * max(self._mean_demand() - short, 0.0)  # the normal's negative tail buys nothing back
        return revenue, self.unit_cost * stock - self.salvage * left + self.goodwill * short

    def _curve(self) -> list[dict[str, float]]:
        most = max(self._mean_demand() + 4 * self.demand_sd, self.stock, 1.0)
        rows = []
        for step in range(POINTS + 1):
            stock = most * step / POINTS
            revenue, cost = self._revenue_and_cost(stock)
            rows.append({"stock": stock, "revenue": revenue, "supply_cost": cost, "profit": revenue - cost})
        return rows

    def _problems(self, mean: float) -> tuple[str, ...]:
        problems = []
        if mean < FAIR * self.demand_sd or mean <= 0:
            problems.append(
                f"At this price mean demand is {written(mean)}, less than {FAIR} times its spread of "
                f"{written(self.demand_sd)}: the normal distribution would often be negative."
            )
        if self.goodwill <= self.unit_cost:
            problems.append(
                f"A customer turned away costs operations {pounds(self.goodwill, 2)}, no more than the unit that would "
                f"have served them ({pounds(self.unit_cost, 2)}): judged by its cost, operations would stock nothing."
            )
        return tuple(problems)


def _turning_point(gain: Callable[[float], float], low: float, high: float) -> float:
    """Where ``gain`` falls through nought between ``low`` and ``high``; the end it points to where it does not."""
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if gain(middle) > 0 else (low, middle)
    return low


def _loss(z: float) -> float:
    """The standard normal loss function, φ(z) − z·(1 − Φ(z)); zero where the tail is too small to hold."""
    return max(STANDARD.pdf(z) - z * STANDARD.cdf(-z), 0.0)
