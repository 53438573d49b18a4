"""Availability: the newsvendor's closed forms, a published example, and numerical integration."""

import random

import pytest
from scipy import integrate, optimize, stats

from moi.interface import choose, compare
from moi.models.availability import Availability


def draws(count, seed=3):
    draw = random.Random(seed)
    for _ in range(count):
        yield Availability(
            price=draw.uniform(5, 15), stock=draw.uniform(100, 900), demand_sd=draw.uniform(20, 150),
            salvage=draw.uniform(-1, 3), goodwill=draw.uniform(4.1, 12),
        )  # fmt: skip


def test_expectations_agree_with_numerical_integration():
    for model in draws(10):
        mean, sd, stock = 980 - 40 * model.price, model.demand_sd, model.stock
        demand = stats.norm(mean, sd)
        short, _ = integrate.quad(lambda d, q=stock, of=demand: (d - q) * of.pdf(d), stock, max(stock, mean) + 12 * sd)
        measures = model.outcome().measures
        assert measures["expected_short"] == pytest.approx(short, abs=1e-6)
        assert measures["expected_left"] == pytest.approx(stock - mean + short, abs=1e-6)
        assert measures["expected_revenue"] == pytest.approx(model.price * (mean - short), rel=1e-8)
        assert measures["availability"] == pytest.approx(stats.norm(mean, sd).cdf(stock))
        assert measures["fill_rate"] == pytest.approx(1 - short / mean, rel=1e-8)
        assert measures["profit"] == measures["expected_revenue"] - measures["expected_supply_cost"]


def test_snyder_and_shen_example_4_3():
    """Holding 0.18, stock-out 0.70, demand normal with mean 50 and deviation 8: stock 56.60, cost 1.998."""
    costs = {"unit_cost": 1, "salvage": 1 - 0.18, "goodwill": 1 + 0.70}
    model = Availability(market=50, price_sensitivity=0, demand_sd=8, price=2, **costs)
    chosen = choose(model, "operations")
    assert chosen.stock == pytest.approx(56.60395592743389)
    # The example counts the two losses alone: what 50 units cost in any case is taken off.
    assert chosen.outcome().measures["expected_supply_cost"] - 50 == pytest.approx(1.9976051931766445)


def test_critical_ratios_of_operations_and_of_the_firm():
    for model in draws(20):
        mean, price, goodwill, cost, salvage = 980 - 40 * model.price, model.price, model.goodwill, 4.0, model.salvage
        for judge, earned in (("operations", 0.0), ("firm", price)):
            ratio = (earned + goodwill - cost) / (earned + goodwill - salvage)
            expected = max(stats.norm(mean, model.demand_sd).ppf(ratio), 0)
            assert choose(model, judge, ["stock"]).stock == pytest.approx(expected)


def test_marketing_asked_about_stock_takes_all_that_there_is():
    assert choose(Availability(), "marketing", ["stock"]).stock == 980 + 6 * 120


def test_prices_agree_with_scipy():
    for model in draws(10):
        for judge, measure in (("marketing", "expected_revenue"), ("firm", "profit")):

            def loss(price, model=model, measure=measure):
                return -model.but(price=price).outcome().measures[measure]

            top = (980 - 2 * model.demand_sd) / 40
            found = optimize.minimize_scalar(loss, bounds=(0, top), method="bounded", options={"xatol": 1e-9})
            chosen = choose(model, judge, ["price"]).outcome().measures[measure]
            assert chosen >= -found.fun - 1e-6


def test_together_agrees_with_scipy():
    def loss(levers):
        return -Availability(price=levers[0], stock=levers[1]).outcome().measures["profit"]

    found = optimize.minimize(loss, (12, 500), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10})
    together = compare(Availability()).together
    assert together.outcome().measures["profit"] == pytest.approx(-found.fun, rel=1e-9)
    assert (together.price, together.stock) == pytest.approx(found.x, rel=1e-4)


def test_certain_demand_is_met_exactly():
    model = Availability(demand_sd=0)
    assert choose(model, "firm", ["stock"]).stock == 500
    measures = model.but(stock=450).outcome().measures
    assert (measures["expected_short"], measures["expected_left"], measures["availability"]) == (50, 0, 0)


def test_where_demand_ignores_the_price_it_stays():
    model = Availability(market=500, price_sensitivity=0, price=9)
    found = compare(model)
    assert {state.price for state in (found.marketing, *found.apart, found.together)} == {9}


def test_a_bad_measure_stocks_nothing_and_says_so():
    model = Availability(goodwill=3)
    assert choose(model, "operations").stock == 0
    assert "operations would stock nothing" in model.outcome().problems[0]


@pytest.mark.parametrize("goodwill", [0, 2.5, 4])
def test_a_bad_measure_empties_the_shelf_and_the_comparison_says_what_that_costs(goodwill):
    """Operations stocks nothing and stays there; no price sells anything then, so marketing's stays where it was."""
    start = Availability(goodwill=goodwill)
    found = compare(start)
    (apart,) = found.apart
    assert (found.operations.price, found.operations.stock) == (12, 0)
    assert (found.ended, found.at_limit) == ("at a limit", ("stock",))
    assert apart.stock == 0 and apart.price == choose(start, "marketing").price
    assert apart.outcome().measures["expected_revenue"] == 0
    assert apart.outcome().measures["profit"] == pytest.approx(-goodwill * (980 - 40 * apart.price), abs=0.1)
    best = optimize.minimize(
        lambda at: -start.but(price=at[0], stock=at[1]).outcome().measures["profit"],
        (12, 500),
        method="Nelder-Mead",
        options={"xatol": 1e-8, "fatol": 1e-10},
    )
    assert found.together.outcome().measures["profit"] == pytest.approx(-best.fun, rel=1e-9)
    assert found.gap == pytest.approx(-best.fun - apart.outcome().measures["profit"], rel=1e-9)


def test_a_normal_that_would_go_negative_is_a_problem():
    assert "would often be negative" in Availability(price=19).outcome().problems[0]
    assert Availability(price=18).outcome().problems == ()


def test_a_customer_may_be_worth_no_more_than_salvage():
    outcome = Availability(goodwill=1, salvage=1).outcome()
    assert "operations would stock nothing" in outcome.problems[0]
    assert choose(Availability(goodwill=1, salvage=1), "operations").stock == 0
