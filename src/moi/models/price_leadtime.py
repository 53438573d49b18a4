"""Who sets the price, who promises the date? A price chosen by marketing and a lead time quoted by operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, log, sqrt
from typing import Any, ClassVar

from moi import curves
from moi.model import Judge, Measure, MiniModel, Outcome, marketing, operations, percent, pounds, setting, written

POINTS = 60
# The promise is kept to within rounding: the shortest lead time lies exactly on its edge.
ROUNDING = 1e-9


class PriceLeadtime(
    MiniModel,
    title="Who sets the price, who promises the date?",
    question="What is lost when one function prices and the other quotes?",
):
    """What is lost when one function prices and the other quotes?

    Customers dislike a high price *p* (``price``, £) and a long quoted lead time *l* (``lead_time``, weeks). Demand in
    orders a week is

        λ = a − b·p − c·l   (and never below 0),

    with a = ``market_size``, b = ``price_sensitivity``, c = ``leadtime_sensitivity``. Orders pass through one shop
    that completes μ = ``capacity`` orders a week, an M/M/1 queue, so that an order takes longer than *l* with
    probability exp(−(μ − λ)·l). The firm promises that a fraction s = ``reliability`` of orders is on time:

        (μ − λ)·l ≥ k,   k = ln(1/(1 − s)).

    Marketing is judged by its contribution (p − t)·λ, where t is the ``transfer_price`` that operations charges it.
    Operations quotes the shortest lead time that it can keep. The firm earns
    (p − m)·λ − h·λ/(μ − λ), with m = ``unit_cost`` and h = ``congestion_cost`` for each order in the shop.

    Best replies: marketing p = (a − c·l + b·t)/(2b); operations the positive root of
    c·l² + (μ − a + b·p)·l = k. Together: the promise holds with equality, and λ solves

        (a − 2λ)/b − m = (c·k/b + h)·μ/(μ − λ)².

    A critic would say that real demand is not linear, that a quoted lead time is rarely kept by one queue of one
    server, and that marketing is seldom blind to a promise that it makes itself.

    Source: Pekgün, Griffin and Keskinocak (2008), who show that apart gives more demand, longer lead times, lower
    prices and lower profit than together. For the queue Jain (1991), The Art of Computer Systems Performance Analysis,
    whose example 31.1 comes out.

    >>> model = PriceLeadtime(lead_time=2.0)
    >>> round(model.best_levers("marketing", ["price"])["price"], 6)     # (50 − 6·2 + 4·5)/8
    7.25
    """

    measures: ClassVar[tuple[Measure, ...]] = (
        Measure("contribution", "Contribution", "£/week", "marketing", "more", "money", 2),
        Measure("lead_time", "Lead time quoted", "weeks", "operations", "less", digits=2),
        Measure("profit", "Profit", "£/week", "firm", "more", "money", 2),
        Measure("demand", "Demand", "orders/week", digits=2),
        Measure("utilisation", "Utilisation", form="share", digits=1),
        Measure("on_time", "Orders on time", form="share", digits=1),
    )

    price: float = marketing(
        9.50,
        low=0,
        high=lambda m: m.market_size / m.price_sensitivity,
        decides=True,
        step=0.05,
        unit="£/order",
        label="Price",
        meaning="p in the equations",
    )
    lead_time: float = operations(
        1.0,
        above=0,
        high=lambda m: m.market_size / m.leadtime_sensitivity,
        decides=True,
        step=0.01,
        unit="weeks",
        label="Lead time quoted",
        meaning="what the customer is promised, l",
    )
    market_size: float = setting(
        50.0, low=0.001, high=1e6, unit="orders/week", label="Market size", meaning="demand at no price and no wait, a"
    )
    price_sensitivity: float = setting(
        4.0, low=1e-6, high=1e6, unit="orders/week per £", label="Price sensitivity", meaning="b"
    )
    leadtime_sensitivity: float = setting(
        6.0, low=1e-6, high=1e6, unit="orders/week per week", label="Lead-time sensitivity", meaning="c"
    )
    capacity: float = setting(10.0, low=0.001, high=1e6, unit="orders/week", label="Capacity", meaning="μ")
    unit_cost: float = setting(5.0, low=0, high=1e6, unit="£/order", label="Unit cost", meaning="m")
    reliability: float = setting(
        0.95, low=0, high=0.999999, label="Orders to be on time", meaning="fraction of promises to keep, s"
    )
    transfer_price: float = setting(
        5.0, low=0, high=1e6, unit="£/order", label="Transfer price", meaning="what operations charges marketing, t"
    )
    congestion_cost: float = setting(
        0.0, low=0, high=1e6, unit="£/order/week", label="Congestion cost", meaning="of an order in the shop, h"
    )

    columns: ClassVar[tuple[Measure, ...]] = (
        Measure("marketing_price", "Marketing's price", "£/order", form="money"),
        Measure("kept_from_price", "Promise kept from this price up", "£/order", form="money"),
    )

    chart: ClassVar[dict[str, Any]] = {
        "height": 300,
        "encoding": {
            "x": {
                "field": "lead_time",
                "type": "quantitative",
                "title": "Lead time quoted, weeks",
                "scale": {"zero": True, "nice": False},
            },
            "color": {
                "title": None,
                "type": "nominal",
                "scale": {
                    "domain": [
                        "Marketing's price",
                        "Promise kept from here up",
                        "You are here",
                    ],
                    "range": ["marketing", "operations", "firm"],
                },
            },
        },
        "layer": [
            *curves.lines(
                "replies",
                {"title": "Price, £ an order", "scale": {"zero": False}},
                {
                    "Marketing's price": ("marketing_price", "marketing"),
                    "Promise kept from here up": ("kept_from_price", "operations"),
                },
                legend=False,
            ),
            {
                "data": {"name": "now"},
                "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
                "encoding": {"y": {"field": "price", "type": "quantitative"}, "color": {"datum": "You are here"}},
            },
        ],
    }

    def outcome(self) -> Outcome:
        demand = self._demand()
        fits = demand < self.capacity
        kept = 1 - exp(-(self.capacity - demand) * self.lead_time) if fits else 0.0
        profit = (self.price - self.unit_cost) * demand
        congestion = self.congestion_cost * demand / (self.capacity - demand) if fits else 0.0
        problems = self._problems(demand, kept)
        return Outcome(
            measures={
                "contribution": (self.price - self.transfer_price) * demand,
                "lead_time": self.lead_time,
                "profit": profit - congestion if fits else None,
                "demand": demand,
                "utilisation": demand / self.capacity,
                "on_time": kept,
            },
            tables={"replies": self._replies(), "now": [{"lead_time": self.lead_time, "price": self.price}]},
            problems=problems,
            summary=self._summary(demand, kept, profit - congestion if fits else None),
        )

    def best_levers(self, judge: Judge, levers: Sequence[str]) -> Mapping[str, Any] | None:
        """Marketing's price, operations' lead time and the firm's pair, each in closed form (the pair by bisection)."""
        if judge == "marketing" and list(levers) == ["price"]:
            return {"price": self._marketing_price(self.lead_time)}
        if judge == "operations" and list(levers) == ["lead_time"]:
            return {"lead_time": self._shortest_lead_time()}
        if judge == "firm" and set(levers) == {"price", "lead_time"}:
            return self._together()
        return None

    def _demand(self) -> float:
        wanted = self.market_size - self.price_sensitivity * self.price - self.leadtime_sensitivity * self.lead_time
        return max(wanted, 0.0)

    def _needed(self) -> float:
        """k: the product of spare capacity and lead time that keeps the promise."""
        return log(1 / (1 - self.reliability))

    def _problems(self, demand: float, kept: float) -> tuple[str, ...]:
        if demand >= self.capacity:
            return (
                f"Demand of {written(demand, 1)} orders a week is more than the shop can complete "
                f"({written(self.capacity, 1)}): the queue grows without end.",
            )
        if (self.capacity - demand) * self.lead_time < self._needed() * (1 - ROUNDING):
            return (
                f"A lead time of {written(self.lead_time, 2)} weeks cannot be kept: {percent(kept, 1)} of "
                f"orders would be on time, and {percent(self.reliability, 1)} are promised.",
            )
        return ()

    def _marketing_price(self, lead_time: float) -> float:
        a, b, c, t = self.market_size, self.price_sensitivity, self.leadtime_sensitivity, self.transfer_price
        return min(max((a - c * lead_time + b * t) / (2 * b), 0.0), a / b)

    def _shortest_lead_time(self) -> float:
        a, b, c = self.market_size, self.price_sensitivity, self.leadtime_sensitivity
        slack, needed = self.capacity - a + b * self.price, self._needed()
        root = sqrt(slack * slack + 4 * c * needed)
        shortest = 2 * needed / (slack + root) if slack > 0 else (root - slack) / (2 * c)
        if a - b * self.price - c * shortest < 0:  # nobody buys: an empty shop is quick
            shortest = needed / self.capacity
        return min(max(shortest, 1e-12), a / c)

    def _together(self) -> Mapping[str, float] | None:
        a, b, c, capacity = self.market_size, self.price_sensitivity, self.leadtime_sensitivity, self.capacity
        needed = self._needed()
        low, high = 0.0, min(a, capacity) * (1 - 1e-12)

        def rising(demand: float) -> float:
            """The slope of profit in demand along the edge of the promise; it falls as demand grows."""
            pull = (c * needed / b + self.congestion_cost) * capacity / (capacity - demand) ** 2
            return (a - 2 * demand) / b - self.unit_cost - pull

        if rising(low) <= 0:
            return None
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if rising(middle) > 0 else (low, middle)
        lead_time = max(needed / (capacity - low), 1e-12)
        price = (a - low - c * lead_time) / b
        return {"price": price, "lead_time": lead_time} if price >= 0 else None

    def _replies(self) -> list[dict[str, float | None]]:
        """For each lead time the price that marketing would set, and the lowest price at which it can be kept."""
        longest = min(self.market_size / self.leadtime_sensitivity, 3 * max(self.lead_time, self._shortest_lead_time()))
        rows: list[dict[str, float | None]] = []
        for step in range(1, POINTS + 1):
            lead_time = longest * step / POINTS
            most = self.capacity - self._needed() / lead_time
            price = (self.market_size - most - self.leadtime_sensitivity * lead_time) / self.price_sensitivity
            rows.append(
                {
                    "lead_time": lead_time,
                    "marketing_price": self._marketing_price(lead_time),
                    "kept_from_price": max(price, 0.0) if most > 0 else None,
                }
            )
        return rows

    def _summary(self, demand: float, kept: float, profit: float | None) -> str:
        start = (
            f"At {pounds(self.price, 2)} and {written(self.lead_time, 2)} weeks, {written(demand, 1)} orders come in a "
            f"week for a shop that can complete {written(self.capacity, 1)}"
        )
        if profit is None:
            return f"{start}: the queue never ends, and no profit can be counted on."
        return f"{start}; {percent(kept, 1)} are on time and the firm earns {pounds(profit, 2)} a week."
