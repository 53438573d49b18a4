"""`sales_operations_plan` against published cases, an independent solver, hand-worked years and brute force."""

import itertools
import json

import numpy
import pytest
from scipy import optimize

from moi.interface import choose, compare
from moi.model import InputError, NoComparison
from moi.models.sales_operations_plan import SalesOperationsPlan

GOALS = {"marketing": ("revenue", 1), "operations": ("cost", -1), "firm": ("profit", 1)}
# A year that can be worked by hand: a worker makes ten units a month, at £10 each.
SMALL = {
    "demand": [100, 300, 200], "initial_stock": 0, "final_stock": 0, "initial_workers": 20, "material_cost": 1,
    "holding_cost": 2, "backlog_cost": 5, "subcontract_cost": 30, "hiring_cost": 50, "layoff_cost": 70,
    "hours_per_unit": 4, "regular_wage": 2.5, "overtime_limit": 0, "days_per_month": 5, "hours_per_day": 8, "price": 20,
    "shortfall_cost": 11, "leftover_value": 1,
}  # fmt: skip


def outcome(**values):
    return SalesOperationsPlan(**values).outcome()


def measures(**values):
    return outcome(**values).measures


def column(name, **values):
    return [row[name] for row in outcome(**values).tables["plan"]]


@pytest.fixture
def run(moi):
    def run(**values):
        status, out, err = moi("run", "sales_operations_plan", "--values", "-", "--json", stdin=json.dumps(values))
        assert (status, err) == (0, "")
        return json.loads(out)["measures"]

    return run


# Published: Chopra and Meindl, Red Tomato Tools (tables of the optimal plan, of whole workers and of the promotions).


@pytest.mark.parametrize(
    ("values", "cost", "profit"),
    [
        ({}, 422_275, 217_725),
        ({"whole_workers": True}, 422_660, 217_340),
        ({"promotion_month": 1}, 421_915, 221_485),
        ({"promotion_month": 4}, 438_857, 211_283),
        ({"promotion_month": 1, "promotion_lift": 1.0}, 456_750, 242_810),
    ],
)
def test_red_tomato(run, values, cost, profit):
    found = run(**values)
    assert (round(found["cost"]), round(found["profit"])) == (cost, profit)


def test_red_tomato_average_stock_and_workforce(run):
    assert round(run()["average_stock"]) == 894  # 895 with the table's rounded months
    assert [round(w) for w in column("workers")] == [65] * 6
    assert [round(s) for s in column("stock")] == [1983, 1567, 950, 0, 117, 500]
    assert [round(b) for b in column("backlog")] == [0, 0, 0, 267, 0, 0]


@pytest.mark.parametrize(
    ("workers", "overtime", "cost"),
    [
        (1250, 20, 360_400), (1250, 40, 356_450), (1200, 20, 363_324), (1200, 40, 357_422), (1300, 20, 358_790),
        (1300, 40, 356_270),
    ],
)  # fmt: skip
def test_skycell(run, workers, overtime, cost):
    """Chopra and Meindl, the exercise Skycell and its published solution: nobody hired or laid off, nothing owed."""
    found = run(
        demand=[1000, 1100, 1000, 1200, 1500, 1600, 1600, 900, 1100, 800, 1400, 1700], initial_stock=50, final_stock=50,
        initial_workers=workers, overtime_limit=overtime, hours_per_unit=1_000 / 6, regular_wage=20, overtime_wage=30,
        material_cost=20_000, holding_cost=3_000, subcontract_limit=0, backlog_limit=0, most_workers=workers,
        layoff_cost=1e9, price=1e5,
    )  # fmt: skip
    assert round(found["cost"] / 1_000) == cost


def test_hopp_and_spearman(run):
    """Factory Physics, section on aggregate and workforce planning: data of its spreadsheet, solved by scipy below."""
    demand = [200, 220, 230, 300, 400, 450, 320, 180, 170, 170, 160, 180]
    found = run(
        demand=demand, price=1_000, initial_stock=0, final_stock=0, initial_workers=15, material_cost=0,
        holding_cost=10, subcontract_limit=0, backlog_limit=0, hiring_cost=15 * 168, layoff_cost=9 * 168,
        hours_per_unit=12, regular_wage=35, overtime_wage=52.5, overtime_limit=700, days_per_month=21,
    )  # fmt: skip
    assert found["profit"] == pytest.approx(1_687_337.142857, abs=1e-3)


# An independent solver: the programme written out again in matrices.


def by_scipy(model, whole):
    months, limit = len(model.demand), lambda most: numpy.inf if most is None else most
    names = ["workers", "hired", "laid_off", "overtime", "produced", "subcontracted", "stock", "backlog"]
    at = {name: slice(i * months, (i + 1) * months) for i, name in enumerate(names)}
    hours, eye, before = model.days_per_month * model.hours_per_day, numpy.eye(months), numpy.eye(months, k=-1)

    def rows(**parts):
        matrix = numpy.zeros((months, 8 * months))
        for name, part in parts.items():
            matrix[:, at[name]] = part
        return matrix

    costs = numpy.repeat(
        [hours * model.regular_wage, model.hiring_cost, model.layoff_cost, model.overtime_wage, model.material_cost,
         model.subcontract_cost, model.holding_cost, model.backlog_cost], months,
    )  # fmt: skip
    first = eye[0]
    low, high = numpy.zeros(8 * months), numpy.full(8 * months, numpy.inf)
    low[at["stock"]][-1], high[at["backlog"]] = model.final_stock, limit(model.backlog_limit)
    high[at["backlog"]][-1] = 0
    high[at["workers"]], high[at["subcontracted"]] = limit(model.most_workers), limit(model.subcontract_limit)
    staff = rows(workers=eye - before, hired=-eye, laid_off=eye)
    work = rows(produced=model.hours_per_unit * eye, workers=-hours * eye, overtime=-eye)
    most = rows(overtime=eye, workers=-model.overtime_limit * eye)
    flow = rows(stock=before - eye, backlog=eye - before, produced=eye, subcontracted=eye)
    needed = numpy.array(model._planned_for()) - model.initial_stock * first
    integer = numpy.zeros(8 * months)
    for name in ("workers", "produced", "subcontracted") if whole else ():
        integer[at[name]] = 1
    return optimize.milp(
        costs, integrality=integer, bounds=optimize.Bounds(low, high), options={"mip_rel_gap": 0},
        constraints=[
            optimize.LinearConstraint(staff, first * model.initial_workers, first * model.initial_workers),
            optimize.LinearConstraint(work, -numpy.inf, 0), optimize.LinearConstraint(most, -numpy.inf, 0),
            optimize.LinearConstraint(flow, needed, needed),
        ],
    )  # fmt: skip


def drawn(seed):
    random = numpy.random.default_rng(seed)
    months = int(random.integers(1, 7))
    return {
        "demand": random.integers(0, 4_000, months).tolist(), "initial_stock": int(random.integers(0, 3_000)),
        "final_stock": int(random.integers(0, 2_000)), "initial_workers": int(random.integers(0, 120)),
        "hiring_cost": float(random.choice([0, 300, 900])), "layoff_cost": float(random.choice([0, 500, 1500])),
        "backlog_cost": float(random.choice([1, 5, 50])), "holding_cost": float(random.choice([0.5, 2, 9])),
        "subcontract_cost": float(random.choice([20, 30, 80])), "overtime_limit": float(random.choice([0, 10, 60])),
        "promotion_month": int(random.integers(0, months + 1)), "discount": float(random.choice([0, 1, 3.3])),
        "promotion_lift": float(random.choice([0, 0.1, 1])), "capacity_view": float(random.choice([0.8, 1, 1.17])),
        "most_workers": random.choice([None, 50.0]), "subcontract_limit": random.choice([None, 500.0]),
        "backlog_limit": random.choice([None, 0.0, 800.0]),
    }  # fmt: skip


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_optimum_agrees_with_scipy(seed, whole):
    model = SalesOperationsPlan(**drawn(seed), whole_workers=whole)
    theirs = by_scipy(model, whole)
    executed = model.but(demand=model._planned_for(), promotion_month=0, capacity_view=1).outcome()
    if theirs.status == 2:
        assert executed.problems and model.outcome().problems
        return
    surplus = model.leftover_value * executed.measures["unsold"]  # the programme gives a leftover no worth
    assert executed.measures["cost"] + surplus == pytest.approx(theirs.fun, rel=1e-7)


@pytest.mark.parametrize("seed", range(12))
def test_whole_workers_cost_no_less(seed):
    values = drawn(seed) | {"leftover_value": 0, "most_workers": None, "subcontract_limit": None}
    at_par = values | {"capacity_view": 1.0}
    assert measures(**at_par, whole_workers=True)["cost"] >= measures(**at_par)["cost"] - 1e-6


# What must hold in every year.


@pytest.mark.parametrize("policy", ["level", "chase", "optimal"])
@pytest.mark.parametrize("seed", range(12))
def test_every_unit_and_every_worker_is_accounted_for(seed, policy):
    values = drawn(seed) | {
        "policy": policy,
        "planned_promotion": 0,
        "most_workers": None,
        "backlog_limit": None,
        "subcontract_limit": None,
    }
    model = SalesOperationsPlan(**values)
    found = model.outcome()
    rows, m = found.tables["plan"], found.measures
    net, workers, hired, laid_off = model.initial_stock, model.initial_workers, 0.0, 0.0
    for row in rows:
        net += row["produced"] + row["subcontracted"] - row["demand"]
        assert row["stock"] - row["backlog"] == pytest.approx(net, abs=1e-6)
        assert min(row["stock"], row["backlog"]) == 0
        assert 4 * row["produced"] <= 160 * row["workers"] + row["overtime_hours"] + 1e-5
        assert row["overtime_hours"] <= model.overtime_limit * row["workers"] + 1e-5
        hired, laid_off = hired + max(row["workers"] - workers, 0), laid_off + max(workers - row["workers"], 0)
        workers = row["workers"]
    assert (m["hired"], m["laid_off"]) == pytest.approx((hired, laid_off))
    assert model.initial_workers + m["hired"] - m["laid_off"] == pytest.approx(workers, abs=1e-6)
    delivered = sum(row["demand"] for row in rows) - m["lost_sales"]
    supplied = model.initial_stock + sum(row["produced"] + row["subcontracted"] for row in rows)
    assert supplied - delivered == pytest.approx(rows[-1]["stock"], abs=1e-6)
    assert m["unsold"] == pytest.approx(max(rows[-1]["stock"] - model.final_stock, 0))
    assert m["profit"] == pytest.approx(m["revenue"] - m["cost"])


# By hand.


def test_level_by_hand():
    """Two hundred a month, twenty workers: 100 in stock after month 1, nothing afterwards."""
    m = measures(**SMALL, policy="level")
    assert column("workers", **SMALL, policy="level") == [20, 20, 20]
    assert column("stock", **SMALL, policy="level") == [100, 0, 0]
    assert (m["revenue"], m["cost"]) == (20 * 600, 3 * 20 * 100 + 600 * 1 + 100 * 2)
    assert m["average_stock"] == pytest.approx(100 / 3)


def test_chase_by_hand():
    """Ten, thirty and twenty workers: ten laid off, twenty hired, ten laid off again."""
    m = measures(**SMALL, policy="chase")
    assert column("workers", **SMALL, policy="chase") == [10, 30, 20]
    assert (m["hired"], m["laid_off"]) == (20, 20)
    assert m["cost"] == 60 * 100 + 600 * 1 + 20 * 50 + 20 * 70


def test_chase_uses_up_what_is_in_stock_and_leaves_the_final_stock():
    values = SMALL | {"initial_stock": 250, "final_stock": 30, "policy": "chase"}
    assert column("produced", **values) == [0, 150, 230]
    assert column("stock", **values) == [150, 0, 30]


def test_level_may_owe_in_between():
    values = SMALL | {"demand": [300, 100, 200], "policy": "level"}
    assert column("backlog", **values) == [100, 0, 0]
    assert measures(**values)["cost"] == 6_000 + 600 + 500


def test_promotion_lifts_its_month_and_takes_from_the_next_two():
    d = column("demand", promotion_month=4)
    assert d == pytest.approx([1600, 3000, 3200, 3800 * 1.1 + 0.2 * 4400, 2200 * 0.8, 2200 * 0.8])
    assert column("demand", promotion_month=6)[-1] == pytest.approx(2200 * 1.1)  # no months left to take from
    fourfold = column("demand", promotion_month=1, discount=4)  # √4: twice the effect
    assert fourfold == pytest.approx([1600 * 1.2 + 0.4 * 6200, 1800, 1920, 3800, 2200, 2200])
    assert column("demand", promotion_month=1, discount=5, forward_buy=0.9)[1:3] == [0, 0]  # at most all of it
    assert column("demand", promotion_month=1, discount=0) == [1600, 3000, 3200, 3800, 2200, 2200]
    assert column("demand", promotion_month=2, reference_discount=4, discount=1) == pytest.approx(
        [1600, 3000 * 1.05 + 0.1 * 7000, 2880, 3420, 2200, 2200]
    )


def test_a_promotion_that_operations_did_not_plan_on():
    """The small year is planned level at 200; a lift of one half in month 2 asks for 150 more."""
    values = SMALL | {
        "promotion_lift": 0.5,
        "forward_buy": 0,
        "promotion_month": 2,
        "discount": 1,
        "planned_promotion": 0,
    }
    m = measures(**values, policy="level")
    assert column("backlog", **values, policy="level") == [0, 150, 150]
    assert m["lost_sales"] == 150 and m["unsold"] == 0
    assert m["revenue"] == 100 * 20 + 450 * 19 + 50 * 20  # lost at the full price: month 3 was served last
    assert m["cost"] == 6_000 + 600 + 100 * 2 + (150 + 150) * 5 + 150 * 11


def test_lost_sales_reach_back_to_the_promotion():
    values = SMALL | {"promotion_lift": 1, "forward_buy": 0, "promotion_month": 2, "planned_promotion": 0}
    m = measures(**values, policy="level")
    assert m["lost_sales"] == 300 and m["revenue"] == 100 * 20 + 500 * 19  # all 200 of month 3, 100 of month 2


def test_capacity_for_a_promotion_that_does_not_come():
    values = SMALL | {"promotion_lift": 0.5, "forward_buy": 0, "planned_promotion": 2, "policy": "chase"}
    m = measures(**values)
    assert column("stock", **values) == [0, 150, 150]
    assert m["unsold"] == 150 and m["revenue"] == 12_000
    assert m["cost"] == 75 * 100 + 750 + 35 * 50 + 35 * 70 + 300 * 2 - 150 * 1


def test_a_year_that_ends_below_the_final_stock_is_charged():
    values = SMALL | {"final_stock": 100, "capacity_view": 0.9, "policy": "level"}
    m = measures(**values)  # 640 made for 600: forty left, sixty short
    assert (m["lost_sales"], m["unsold"]) == (0, 0)
    workers = 640 / 3 / 10
    stock = [640 / 3 - 100, 2 * 640 / 3 - 400, 40]
    assert m["cost"] == pytest.approx(3 * workers * 100 + 640 + sum(stock) * 2 + (workers - 20) * 50 + 60 * 11)


def test_whole_workers_round_up_level_and_chase():
    values = SMALL | {"demand": [101, 300, 200], "whole_workers": True}
    assert (
        column("workers", **values, policy="level") == [21, 21, 21]
        and column("produced", **values, policy="level") == [201] * 3
    )
    assert column("workers", **values, policy="chase") == [11, 30, 20]


# Plans that cannot be.


LIMITED = SMALL | {"most_workers": 20, "subcontract_limit": 10, "backlog_limit": 0}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"demand": [100, 400, 100]}, "Month 2 cannot be met: by its end 500 units are needed, and 420 are the most"),
        (
            {"demand": [100, 100, 200], "final_stock": 400},
            "Month 3 cannot be met: by its end 800 units are needed with the",
        ),
        ({"policy": "chase"}, "To make 300 units in month 2 takes 30.0 workers, and the factory has places for 20.0."),
        (
            {"policy": "level", "demand": [300, 100, 200]},
            "In month 1 a level output of 200 units would leave 100 units",
        ),
        ({"demand": [400, 10, 10], "backlog_limit": 100}, "At most 100 may be owed."),
    ],
)
def test_a_plan_that_cannot_be_says_which_month_and_why(values, sentence):
    found = outcome(**LIMITED | values)
    assert sentence in found.problems[0].replace("\N{NO-BREAK SPACE}", " ")
    assert set(found.measures.values()) == {None}
    assert [row["demand"] for row in found.tables["plan"]] == (
        values | {"demand": values.get("demand", SMALL["demand"])}
    )["demand"]


def test_just_within_the_limits_there_is_a_plan():
    assert not outcome(**LIMITED | {"demand": [100, 320, 100]}).problems
    assert outcome(**LIMITED | {"demand": [100, 320.1, 100]}).problems


def test_where_no_plan_exists_there_is_no_comparison():
    with pytest.raises(NoComparison, match="cannot be met"):
        compare(SalesOperationsPlan(**LIMITED | {"demand": [1_000, 1_000]}))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"promotion_month": 7}, "^promotion_month must be a whole number from 0 to 6; got 7"),
        ({"discount": 6}, "^discount must be a number from 0 to 5 £/unit; got 6"),
        ({"price": 0.5}, "^discount must be a number from 0 to 0.5 £/unit; got 1.0"),
        ({"planned_promotion": "never"}, "^planned_promotion must be a whole number from 0 to 6, or one of agreed"),
        ({"policy": "best"}, "^policy must be one of level, chase, optimal; got 'best'"),
        ({"capacity_view": 1.6}, "^capacity_view must be a number from 0.5 to 1.5"),
        ({"demand": []}, "^demand must be a list"),
        ({"demand": [1] * 61}, "^demand must hold at most 60 months; got 61"),
    ],
)  # fmt: skip
def test_what_is_refused(values, message):
    with pytest.raises(InputError, match=message):
        SalesOperationsPlan(**values)


# Who chooses.


def test_the_two_by_two_of_one_forecast():
    """Lift 1, January: neither moves, both move, and either of them alone, which is worse than neither."""

    def cell(promotes, adds):
        return measures(promotion_lift=1.0, promotion_month=promotes, planned_promotion=adds)["profit"]

    neither, both, only_marketing, only_operations = cell(0, 0), cell(1, 1), cell(1, 0), cell(0, 1)
    assert (round(neither), round(both)) == (217_725, 242_810)
    assert max(only_marketing, only_operations) < neither < both


def test_marketing_alone_promotes_in_the_peak():
    found = choose(SalesOperationsPlan(), "marketing")

    def forgone(x):
        april, later = 3_800 * (1 + 0.1 * x**0.5) + 0.2 * x**0.5 * 4_400, 4_400 * (1 - 0.2 * x**0.5)
        return -((40 - x) * april + 40 * (7_800 + later))

    discount = optimize.minimize_scalar(forgone, bounds=(0, 5), method="bounded", options={"xatol": 1e-9})
    assert found.promotion_month == 4 and found.discount == pytest.approx(discount.x, rel=1e-5)


def test_of_equal_settings_the_present_stays():
    calm = SalesOperationsPlan(promotion_lift=0, forward_buy=0, discount=2, promotion_month=0)
    assert choose(calm, "marketing").values == calm.values


def grid(model, judge):
    """The best of a grid over the levers of ``judge``, by brute force."""
    name, sign = GOALS[judge]
    months = range(len(model.demand) + 1) if judge != "operations" else [model.promotion_month]
    discounts = numpy.linspace(0, 5, 13) if judge != "operations" else [model.discount]
    policies = ("level", "chase", "optimal") if judge != "marketing" else [model.policy]
    views = numpy.linspace(0.8, 1.2, 13) if judge != "marketing" else [model.capacity_view]
    best = -numpy.inf
    for month, discount, policy, view in itertools.product(months, discounts, policies, views):
        if month == 0 and model.planned_promotion in ("agreed", 0) and discount > 0:
            continue  # no promotion: one discount is as good as another
        found = model.but(
            promotion_month=month, discount=float(discount), policy=policy, capacity_view=float(view)
        ).outcome()
        if not found.problems:
            best = max(best, sign * found.measures[name])
    return best


CASES = [
    {"demand": [500, 2_000, 900]},
    {"demand": [500, 2_000, 900], "planned_promotion": 0, "promotion_lift": 1, "capacity_view": 0.9},
    {"demand": [3_000, 500, 1_500], "shortfall_cost": 0, "leftover_value": 25, "policy": "level", "price": 20},
    {"demand": [1_500, 2_500, 100], "subcontract_cost": 15, "promotion_month": 2, "discount": 3, "capacity_view": 0.8},
    {
        "demand": [1_500, 2_500, 1_000],
        "most_workers": 40,
        "subcontract_limit": 500,
        "backlog_limit": 600,
        "promotion_lift": 0.5,
    },
    {
        "demand": [2_000, 1_000],
        "promotion_lift": 0.8,
        "reference_discount": 0.2,
        "forward_buy": 0.9,
        "shortfall_cost": 60,
    },
]


@pytest.mark.parametrize("judge", GOALS)
@pytest.mark.parametrize("case", CASES)
def test_no_point_of_a_grid_beats_the_choice(case, judge):
    model = SalesOperationsPlan(**case)
    name, sign = GOALS[judge]
    chosen = choose(model, judge)
    assert not chosen.outcome().problems
    assert sign * chosen.outcome().measures[name] >= grid(model, judge) - 1e-6 * model.price * sum(model.demand) / 100


def test_the_best_capacity_view_is_exact():
    """A fine grid along the one lever, and ever finer ones around the best of it."""
    model = SalesOperationsPlan(promotion_month=2, planned_promotion=0, promotion_lift=0.4)
    chosen = choose(model, "operations", ["capacity_view"])
    views = numpy.linspace(0.8, 1.2, 81)
    for _ in range(4):
        costs = [model.but(capacity_view=float(v)).outcome().measures["cost"] for v in views]
        at = int(numpy.argmin(costs))
        views = numpy.linspace(views[max(at - 1, 0)], views[min(at + 1, len(views) - 1)], 21)
    assert chosen.outcome().measures["cost"] == pytest.approx(min(costs), rel=1e-7)
    assert chosen.outcome().measures["cost"] <= min(costs) + 1e-6


def test_apart_and_together_on_the_case():
    found = compare(SalesOperationsPlan())
    (apart,) = found.apart
    assert (found.ended, apart.promotion_month, found.together.promotion_month) == ("settled", 4, 2)
    assert found.gap > 14_000
    profit = found.together.outcome().measures["profit"]
    near = [found.together.but(discount=found.together.discount + d, capacity_view=found.together.capacity_view + v)
            for d in (-1e-3, 0, 1e-3) for v in (-1e-3, 0, 1e-3)]  # fmt: skip
    assert max(model.outcome().measures["profit"] for model in near) <= profit + 1e-6


def test_a_comparison_in_whole_workers_is_no_worse_than_staying():
    model = SalesOperationsPlan(demand=[500, 2_000, 900], whole_workers=True, promotion_month=1)
    chosen = choose(model, "operations")
    assert chosen.whole_workers
    assert chosen.outcome().measures["cost"] <= model.outcome().measures["cost"]


def test_the_programme_is_readable():
    text = SalesOperationsPlan(demand=[100, 200], whole_workers=True, most_workers=9, backlog_limit=7).programme()
    assert text.startswith("\\ The cheapest plan")
    for part in (
        " balance_2: stock_1 - backlog_1 + produced_2",
        " workers_2 <= 9",
        " backlog_1 <= 7",
        "General\n workers_1 produced_1",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) <= 120
