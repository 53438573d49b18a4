"""How many variants? Marketing gains customers from choice; operations pays for every changeover that choice brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import log, sqrt
from typing import Any, ClassVar

from moi import curves
from moi.model import Judge, Measure, MiniModel, Outcome, marketing, operations, pounds, setting

MOST_VARIANTS = 60


class Variety(MiniModel, title="How many variants?", question="When does another flavour stop paying for itself?"):
    """When does another flavour stop paying for itself?

    Each of *n* variants (``variants``) draws customers like an option in a multinomial logit in which not
    buying has attraction 1 and each variant has attraction *v* (``appeal``). Of *N* ``customers`` a year, each
    buying one unit if any,

        share = n·v / (1 + n·v),   demand D = N·share   (units/year).

    Demand is split evenly and each variant is made in lots of economic size. With changeover cost *s*
    (``setup_cost``, £) and holding cost h = ``holding_rate`` · ``unit_cost`` (£ per unit and year),

        lot = √(2·s·(D/n)/h),   changeover and holding cost = √(2·s·h·D·n)   (£/year).

    Operations can make changeovers cheaper, with diminishing returns: bringing the cost from
    s₀ (``base_setup_cost``) to *s* costs k·ln(s₀/s) a year (``setup_investment`` k), the logarithmic investment of
    Porteus (1985). Profit is revenue less material, changeovers and holding, a fixed cost for each variant and the
    investment.

    A critic would attack three assumptions: variants are equally attractive and do not crowd each other beyond the
    logit; demand is steady, so that lots follow the square-root rule; and a changeover costs the same between any
    two variants.

    Sources: Train (2009), Discrete Choice Methods with Simulation, for the logit; his red bus and blue bus (section
    3.3.2) show how it treats variants that are much alike. Snyder and Shen (2019), Fundamentals of Supply Chain Theory,
    for the lot: their example 3.1 comes out.

    >>> model = Variety()
    >>> round(model.outcome().measures["lot_size"])      # √(2·400·(128 571.4/12)/0.40)
    4629
    """

    measures: ClassVar[tuple[Measure, ...]] = (
        Measure("revenue", "Revenue", "£/year", "marketing", "more", "money"),
        Measure("cost_per_unit", "Cost per unit", "£/unit", "operations", "less", "money", 3),
        Measure("profit", "Profit", "£/year", "firm", "more", "money"),
        Measure("share", "Customers who buy", "", form="share", digits=1),
        Measure("demand", "Demand", "units/year"),
        Measure("lot_size", "Lot size", "units"),
        Measure("changeovers", "Changeovers", "per year"),
        Measure("average_stock", "Average stock, all flavours", "units"),
    )

    variants: int = marketing(
        12,
        low=1,
        high=MOST_VARIANTS,
        decides=True,
        unit="flavours",
        label="Flavours offered",
        meaning="n in the equations",
    )
    setup_cost: float = operations(
        400.0,
        low=lambda m: min(20.0, m.base_setup_cost),
        high=lambda m: m.base_setup_cost,
        decides=True,
        step=1,
        unit="£/changeover",
        label="Cost of a changeover",
        meaning="after any investment in making it quicker, s",
    )
    customers: float = setting(
        200_000.0, above=0, unit="customers/year", label="Customers", meaning="people who might buy one unit a year, N"
    )
    price: float = setting(3.00, above=0, unit="£/unit", label="Price")
    unit_cost: float = setting(
        1.60, above=0, unit="£/unit", label="Unit cost", meaning="material and making, without changeovers"
    )
    appeal: float = setting(
        0.15,
        above=0,
        label="Appeal of one flavour",
        meaning="attraction of one variant where not buying has attraction 1, v",
    )
    holding_rate: float = setting(
        0.25, above=0, unit="1/year", label="Holding rate", meaning="yearly cost of stock as a fraction of its value"
    )
    variant_overhead: float = setting(
        1_500.0, low=0, unit="£/flavour/year", label="Overhead of a flavour", meaning="recipe, packaging and listing"
    )
    base_setup_cost: float = setting(
        400.0, above=0, unit="£/changeover", label="Changeover cost before any investment", meaning="s₀"
    )
    setup_investment: float = setting(
        8_000.0,
        low=0,
        unit="£/year",
        label="Cost of quicker changeovers",
        meaning="yearly cost of each reduction of the changeover cost by the factor e, k",
    )

    columns: ClassVar[tuple[Measure, ...]] = (Measure("cost", "Cost", "£/year", form="money"),)

    chart: ClassVar[dict[str, Any]] = {
        "height": 300,
        "encoding": {
            "x": {
                "field": "variants",
                "type": "quantitative",
                "title": "Flavours offered",
                "scale": {"domain": [0, MOST_VARIANTS], "nice": False},
            }
        },
        "layer": [
            *curves.lines(
                "curve",
                {"title": "£ a year", "axis": {"format": "~s"}},
                {"Revenue": ("revenue", "marketing"), "Cost": ("cost", "operations"), "Profit": ("profit", "firm")},
            ),
            *curves.here("profit"),
        ],
    }

    def measured(self) -> Outcome:
        share = self._share(self.variants)
        demand = self.customers * share
        lot = sqrt(2 * self.setup_cost * (demand / self.variants) / self._holding_cost())
        revenue, cost = self._revenue_and_cost(self.variants)
        return Outcome(
            measures={
                "revenue": revenue,
                "cost_per_unit": cost / demand,
                "profit": revenue - cost,
                "share": share,
                "demand": demand,
                "lot_size": lot,
                "changeovers": demand / lot,
                "average_stock": self.variants * lot / 2,
            }
        )

    def outcome(self) -> Outcome:
        revenue, cost = self._revenue_and_cost(self.variants)
        profit = revenue - cost
        curve = [
            {"variants": n, "revenue": earned, "cost": spent, "profit": earned - spent}
            for n in range(1, MOST_VARIANTS + 1)
            for earned, spent in [self._revenue_and_cost(n)]
        ]
        best = max(curve, key=lambda row: row["profit"])
        return replace(
            self.measured(),
            tables={"curve": curve, "now": [{"variants": self.variants, "profit": profit}]},
            summary=(
                f"Revenue climbs ever more slowly as flavours are added, while cost keeps rising. With changeovers at "
                f"{pounds(self.setup_cost)}, profit is highest, {pounds(best['profit'])} a year, at {best['variants']} "
                f"flavour{'s' if best['variants'] > 1 else ''}; you offer {self.variants} and earn {pounds(profit)}."
            ),
        )

    def best_levers(self, judge: Judge, levers: Sequence[str]) -> Mapping[str, Any] | None:
        """For a given number of variants, cost is least at s = 2k²/(h·D·n), within the range of ``setup_cost``."""
        if list(levers) != ["setup_cost"] or judge == "marketing":
            return None
        return {"setup_cost": self._cheapest_setup_cost()}

    def _share(self, variants: int) -> float:
        return variants * self.appeal / (1 + variants * self.appeal)

    def _holding_cost(self) -> float:
        return self.holding_rate * self.unit_cost

    def _revenue_and_cost(self, variants: int) -> tuple[float, float]:
        demand = self.customers * self._share(variants)
        cost = (
            self.unit_cost * demand
            + sqrt(2 * self.setup_cost * self._holding_cost() * demand * variants)
            + self.variant_overhead * variants
            + self.setup_investment * log(self.base_setup_cost / self.setup_cost)
        )
        return self.price * demand, cost

    def _cheapest_setup_cost(self) -> float:
        demand = self.customers * self._share(self.variants)
        unbounded = 2 * self.setup_investment**2 / (self._holding_cost() * demand * self.variants)
        return min(max(unbounded, min(20.0, self.base_setup_cost)), self.base_setup_cost)
