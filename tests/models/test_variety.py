"""`variety` against its closed forms, an independent optimiser and the pattern the chapter describes."""

import math

import numpy
import pytest
from scipy import optimize

from moi.interface import choose, compare
from moi.model import InputError
from moi.models.variety import Variety


def measures(**values):
    return Variety(**values).outcome().measures


def profit(variants, setup_cost):
    """The profit of the default case, written out again from the equations in numbers."""
    demand = 200_000 * 0.15 * variants / (1 + 0.15 * variants)
    lots = numpy.sqrt(2 * setup_cost * 0.25 * 1.60 * demand * variants)
    return (3.00 - 1.60) * demand - lots - 1_500 * variants - 8_000 * numpy.log(400 / setup_cost)


def test_share_is_a_logit_with_not_buying_at_1():
    """Twelve equal options of utility ln 0.15 against one of utility 0."""
    odds = numpy.exp([math.log(0.15)] * 12 + [0.0])
    assert measures()["share"] == pytest.approx(odds[:12].sum() / odds.sum())
    assert measures()["demand"] == pytest.approx(200_000 * 1.8 / 2.8)


@pytest.mark.parametrize(("buses", "by_car"), [(1, 1 / 2), (2, 1 / 3)])
def test_the_red_bus_and_the_blue_bus_of_train(buses, by_car):
    """A car and a blue bus, chosen equally: 1/2 go by car. With a red bus as good as the blue one, 1/3 do.

    Train (2009), Discrete Choice Methods with Simulation, section 3.3.2. It holds the share against a published
    figure: going by car is not buying, each bus a variant. In life the car would keep its half, as Train says.
    """
    assert measures(variants=buses, appeal=1)["share"] == pytest.approx(1 - by_car)


def test_snyder_and_shen_example_3_1():
    """1 300 a year, 8 an order, 0.225 to hold one for a year: lots of 304.05, at 68.41 a year.

    Snyder and Shen (2019), Fundamentals of Supply Chain Theory, example 3.1. It holds the lot and its cost against
    published figures: one variant, which half of the customers buy, and nothing spent on quicker changeovers.
    """
    here = measures(
        variants=1, customers=2_600, appeal=1, base_setup_cost=8, setup_cost=8, holding_rate=0.225, unit_cost=1,
        variant_overhead=0,
    )  # fmt: skip
    assert here["demand"] == 1_300
    assert here["lot_size"] == pytest.approx(304.0467800264368)
    assert (here["cost_per_unit"] - 1) * 1_300 == pytest.approx(68.41052550594829)


def test_lot_size_minimises_changeover_and_holding_cost():
    """Harris (1913): the lot at which a year's changeovers and holding cost least, found without the formula."""
    each = 200_000 * 1.8 / 2.8 / 12
    found = optimize.minimize_scalar(
        lambda lot: 400 * each / lot + 0.25 * 1.60 * lot / 2,
        bounds=(1, each),
        method="bounded",
        options={"xatol": 1e-6},
    )
    here = measures()
    assert here["lot_size"] == pytest.approx(found.x, rel=1e-6)
    assert here["changeovers"] == pytest.approx(12 * each / found.x, rel=1e-6)
    assert here["average_stock"] == pytest.approx(12 * found.x / 2, rel=1e-6)
    material, overhead = 1.60 * 12 * each, 12 * 1_500
    assert here["cost_per_unit"] * 12 * each == pytest.approx(12 * found.fun + material + overhead, rel=1e-9)


@pytest.mark.parametrize(("variants", "setup_cost"), [(1, 400), (12, 400), (12, 20), (25, 81.07), (60, 123.4)])
def test_profit_as_written_out_again(variants, setup_cost):
    here = measures(variants=variants, setup_cost=setup_cost)
    assert here["profit"] == pytest.approx(profit(variants, setup_cost))
    assert here["revenue"] == pytest.approx(3.00 * here["demand"])
    assert here["profit"] == pytest.approx(here["revenue"] - here["cost_per_unit"] * here["demand"])


@pytest.mark.parametrize(("investment", "variants"), [(8_000, 12), (2_000, 25), (15_000, 6), (0, 12), (400, 40)])
def test_changeovers_are_cut_as_far_as_porteus_has_it(investment, variants):
    """Porteus (1985): with a logarithmic investment the best changeover cost is 2k²/(h·D·n), within its bounds."""
    demand = 200_000 * 0.15 * variants / (1 + 0.15 * variants)
    cost = optimize.minimize_scalar(
        lambda s: math.sqrt(2 * s * 0.4 * demand * variants) + investment * math.log(400 / s),
        bounds=(20, 400),
        method="bounded",
        options={"xatol": 1e-8},
    )
    model = Variety(setup_investment=investment, variants=variants)
    for judge in ("operations", "firm"):  # with the variants given, cost decides for both
        assert choose(model, judge, ["setup_cost"]).setup_cost == pytest.approx(cost.x, rel=1e-5)
    closed = min(max(2 * investment**2 / (0.4 * demand * variants), 20), 400)
    assert choose(model, "firm", ["setup_cost"]).setup_cost == pytest.approx(closed)


def test_best_with_the_old_changeovers_is_21_variants():
    assert choose(Variety(), "firm", ["variants"]).values == Variety(variants=21).values
    assert max(range(1, 61), key=lambda n: profit(n, 400)) == 21


def test_best_together_is_25_variants_with_changeovers_at_81_pounds():
    """The conflict is softened by what operations can do: more variants and more profit."""
    together = compare(Variety()).together
    assert (together.variants, round(together.setup_cost)) == (25, 81)
    assert together.outcome().measures["profit"] == pytest.approx(154_783, abs=1)
    assert together.outcome().measures["profit"] > profit(21, 400)


def test_together_is_what_brute_force_finds():
    """Every number of variants against 3 801 costs of a changeover, polished by scipy."""
    costs = numpy.linspace(20, 400, 3_801)
    best = max((profit(n, costs).max(), n) for n in range(1, 61))
    polished = optimize.minimize_scalar(
        lambda s: -profit(best[1], s), bounds=(20, 400), method="bounded", options={"xatol": 1e-8}
    )
    together = compare(Variety(variants=3, setup_cost=50)).together
    assert together.variants == best[1]
    assert together.setup_cost == pytest.approx(polished.x, rel=1e-6)
    assert together.outcome().measures["profit"] == pytest.approx(-polished.fun)


def test_left_to_itself_marketing_offers_every_variant():
    assert compare(Variety()).marketing == Variety(variants=60)


def test_asked_about_variants_operations_would_offer_one():
    assert choose(Variety(), "operations", ["variants"]) == Variety(variants=1)


def test_left_to_itself_operations_only_cuts_the_cost_of_changeovers():
    alone = compare(Variety()).operations
    assert alone.variants == 12 and alone.setup_cost == pytest.approx(2 * 8_000**2 / (0.4 * 200_000 * 1.8 / 2.8 * 12))


def test_apart_ends_with_every_variant_and_the_gap_is_the_profit_forgone():
    """Operations answers sixty variants with the cheapest changeovers for them."""
    found = compare(Variety())
    (apart,) = found.apart
    demand = 200_000 * 9 / 10
    assert apart.variants == 60 and apart.setup_cost == pytest.approx(2 * 8_000**2 / (0.4 * demand * 60))
    assert (found.ended, found.at_limit) == ("at a limit", ("variants",))
    assert found.gap == pytest.approx(profit(25, found.together.setup_cost) - profit(60, apart.setup_cost))


def test_apart_is_the_same_from_any_start():
    assert {compare(Variety(variants=n, setup_cost=s)).apart for n, s in [(1, 20), (60, 400), (25, 81)]} == {
        compare(Variety()).apart
    }


def test_cheaper_changeovers_than_the_old_ones_cannot_be_dearer():
    with pytest.raises(InputError, match="^setup_cost must be a number from 20 to 300 £/changeover; got 400.0"):
        Variety(base_setup_cost=300)
    assert Variety(base_setup_cost=10, setup_cost=10).setup_cost == 10


def test_the_curve_is_the_model_at_every_number_of_variants():
    tables = Variety().outcome().tables
    for n in (1, 12, 60):
        (here,) = [row for row in tables["curve"] if row["variants"] == n]
        expected = measures(variants=n)
        assert here["revenue"] == pytest.approx(expected["revenue"])
        assert here["profit"] == pytest.approx(expected["profit"])
        assert here["cost"] == pytest.approx(here["revenue"] - here["profit"])
