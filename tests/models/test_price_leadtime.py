"""Price and lead time: closed-form replies, the published pattern, and an independent optimiser."""

import math
import random

import pytest
from scipy.optimize import minimize_scalar

from moi.interface import choose, compare
from moi.models.price_leadtime import PriceLeadtime


def starts(count, seed=1):
    draw = random.Random(seed)
    return [PriceLeadtime(price=draw.uniform(0, 12.5), lead_time=draw.uniform(0.01, 8)) for _ in range(count)]


def test_marketing_prices_where_its_contribution_is_highest():
    for model in starts(20):
        for transfer_price in (0.0, 5.0, 8.0):
            asked = model.but(transfer_price=transfer_price)
            if asked.market_size - 6 * asked.lead_time <= 4 * transfer_price:
                continue  # no price that sells anything pays
            price = choose(asked, "marketing").price
            assert price == pytest.approx(min((50 - 6 * model.lead_time + 4 * transfer_price) / 8, 12.5))


def test_operations_quotes_the_root_of_its_quadratic_and_just_keeps_it():
    for model in starts(20):
        asked = model.but(price=max(model.price, 3.0))
        quoted = choose(asked, "operations")
        outcome = quoted.outcome()
        assert outcome.problems == ()
        assert outcome.measures["on_time"] == pytest.approx(0.95)
        if outcome.measures["demand"] > 0:
            slack = 10 - 50 + 4 * asked.price
            assert 6 * quoted.lead_time**2 + slack * quoted.lead_time == pytest.approx(math.log(20))
        assert asked.but(lead_time=quoted.lead_time * 0.999).outcome().problems


def test_together_agrees_with_scipy_along_the_edge_of_the_promise():
    for congestion_cost in (0.0, 2.0):
        model = PriceLeadtime(congestion_cost=congestion_cost)

        def loss(demand, congestion_cost=congestion_cost):
            lead_time = math.log(20) / (10 - demand)
            return -((50 - demand - 6 * lead_time) / 4 - 5) * demand + congestion_cost * demand / (10 - demand)

        found = minimize_scalar(loss, bounds=(0, 9.999), method="bounded", options={"xatol": 1e-10})
        together = compare(model).together.outcome().measures
        assert together["profit"] == pytest.approx(-found.fun, rel=1e-9)
        assert together["demand"] == pytest.approx(found.x, rel=1e-5)


@pytest.mark.parametrize("transfer_price", [0.0, 2.5, 5.0])
def test_published_pattern_of_pekgun_griffin_and_keskinocak(transfer_price):
    """Apart: more demand, longer lead times, lower prices and lower profit than together."""
    found = compare(PriceLeadtime(transfer_price=transfer_price))
    (apart,) = found.apart
    assert found.ended == "settled"
    assert apart.outcome().measures["demand"] > found.together.outcome().measures["demand"]
    assert apart.lead_time > found.together.lead_time
    assert apart.price < found.together.price
    assert found.gap > 0


@pytest.mark.parametrize(("sensitivity", "price", "demand"), [(20, 130.0, 2_400), (40, 67.5, 2_300)])
def test_the_two_segments_of_chopra_and_meindl(sensitivity, price, demand):
    """Demand 5000 − 20·p and 5000 − 40·p, $10 a unit: $130 and $67.50, 2 400 and 2 300 units, $420 250 from both.

    Chopra and Meindl, Supply Chain Management, chapter on pricing and revenue management, the example of pricing to
    multiple segments. It holds marketing's reply and the contribution against a published figure; nobody waits there,
    so customers are made all but blind to the lead time.
    """
    blind = PriceLeadtime(
        market_size=5_000, price_sensitivity=sensitivity, leadtime_sensitivity=1e-6, unit_cost=10, transfer_price=10,
        capacity=10_000,
    )  # fmt: skip
    found = choose(blind, "marketing")
    measures = found.outcome().measures
    assert (found.price, measures["demand"]) == pytest.approx((price, demand))
    assert measures["contribution"] == measures["profit"] == pytest.approx((price - 10) * demand)
    assert (130 - 10) * 2_400 + (67.5 - 10) * 2_300 == 420_250


def test_the_gateway_of_jain():
    """125 arrivals, 500 services a second: utilisation 0.25, 0.33 inside, 2.66 ms each, nine in ten in 2.3 times that.

    Jain (1991), The Art of Computer Systems Performance Analysis, example 31.1, and box 31.1 for the percentile. It
    holds the queue and the shortest lead time against published figures; here a "week" is a second, and demand is what
    it is at no price.
    """
    gateway = PriceLeadtime(
        market_size=125, price=0, leadtime_sensitivity=1e-6, capacity=500, reliability=0.9, unit_cost=0,
        transfer_price=0, congestion_cost=1,
    )  # fmt: skip
    quoted = choose(gateway, "operations")
    measures = quoted.outcome().measures
    assert measures["utilisation"] == pytest.approx(0.25)
    assert -measures["profit"] == pytest.approx(0.33, abs=0.005)  # £1 for each one inside
    assert -measures["profit"] / measures["demand"] == pytest.approx(2.66e-3, abs=1e-5)  # Little's law
    assert quoted.lead_time == pytest.approx(2.3 * 2.66e-3, rel=0.005)
    assert measures["on_time"] == pytest.approx(0.9)


def test_apart_is_the_nash_outcome_from_any_start():
    (nash,) = compare(PriceLeadtime()).apart
    for start in starts(25):
        (apart,) = compare(start).apart
        assert (apart.price, apart.lead_time) == pytest.approx((nash.price, nash.lead_time), rel=1e-6)
    assert nash.price == pytest.approx((50 - 6 * nash.lead_time + 20) / 8)


def test_demand_beyond_capacity_has_no_profit_and_keeps_no_promise():
    outcome = PriceLeadtime(price=2, lead_time=1).outcome()
    assert outcome.measures["profit"] is None
    assert outcome.measures["on_time"] == 0
    assert "more than the shop can complete" in outcome.problems[0]


def test_a_promise_that_cannot_be_kept_is_said_with_its_numbers():
    (problem,) = PriceLeadtime(price=9.5, lead_time=0.5).outcome().problems
    on_time = 1 - math.exp(-(10 - (50 - 38 - 3)) * 0.5)
    assert f"{on_time * 100:.1f}\N{NO-BREAK SPACE}%" in problem


def test_a_customer_who_is_asked_too_much_stays_away():
    assert PriceLeadtime(price=12.5, lead_time=5).outcome().measures["demand"] == 0
