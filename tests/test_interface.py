"""Alone, apart, together, gap: on games with known answers, and on every mini-model."""

import itertools
import math

import hypothesis
import pytest
from hypothesis import strategies

from moi import interface
from moi.interface import choose, compare
from moi.model import InputError, Measure, MiniModel, NoComparison, Outcome, joint, marketing, operations, setting
from moi.models import all_models

MODELS = list(all_models().values())
JUDGES = ("marketing", "operations", "firm")
MEASURES = (
    Measure("for_marketing", "Revenue", "£", "marketing", "more", "money"),
    Measure("for_operations", "Cost", "£", "operations", "less", "money"),
    Measure("for_firm", "Profit", "£", "firm", "more", "money"),
)

each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)


def result(marketing, operations, firm, problems=()):
    """An outcome in which operations' gain is written as a cost, to be kept low."""
    return Outcome({"for_marketing": marketing, "for_operations": -operations, "for_firm": firm}, problems=problems)


class Cournot(MiniModel, title="Two quantities", question="Who restrains himself?"):
    """Each side gains own·(size − own − link·other); the firm gains the sum."""

    measures = MEASURES
    chart = {}
    mine: float = marketing(1.0, low=0, high=20, decides=True, label="Marketing's quantity")
    yours: float = operations(1.0, low=0, high=20, decides=True, label="Operations' quantity")
    size: float = setting(12.0, above=0, label="Size")
    link: float = setting(0.5, low=0, high=1, label="Link")

    def outcome(self):
        m = self.mine * (self.size - self.mine - self.link * self.yours)
        o = self.yours * (self.size - self.yours - self.link * self.mine)
        return result(m, o, m + o)


@pytest.mark.parametrize("start", [(1.0, 1.0), (20.0, 0.0), (0.0, 20.0), (4.8, 4.8)])
def test_two_quantities_settle_at_their_closed_form_from_any_start(start):
    """Nash: size/(2 + link) each; together: size/(2(1 + link)) each."""
    found = compare(Cournot(mine=start[0], yours=start[1]))
    (apart,) = found.apart
    assert found.ended == "settled" and found.at_limit == ()
    assert (apart.mine, apart.yours) == pytest.approx((4.8, 4.8), abs=1e-4)
    assert (found.together.mine, found.together.yours) == pytest.approx((4.0, 4.0), abs=1e-4)
    assert found.gap == pytest.approx(48 - 46.08, abs=1e-3)


def test_alone_a_side_moves_its_own_lever_and_no_other():
    start = Cournot(mine=3.0, yours=7.0)
    found = compare(start)
    assert found.marketing.values == start.but(mine=found.marketing.mine).values
    assert found.marketing.mine == pytest.approx((12 - 0.5 * 7) / 2, abs=1e-5)
    assert found.operations.values == start.but(yours=found.operations.yours).values
    assert found.operations.yours == pytest.approx((12 - 0.5 * 3) / 2, abs=1e-5)


def test_naming_the_levers_of_both_sides_changes_nothing_in_a_comparison():
    """Named levers move, but alone each side still moves only its own."""
    assert compare(Cournot(), ["mine", "yours"]) == compare(Cournot())


def test_naming_one_lever_leaves_the_other_side_where_it_stands():
    found = compare(Cournot(yours=7.0), ["mine"])
    assert {state.yours for state in (found.marketing, found.operations, *found.apart, found.together)} == {7.0}
    assert found.operations == Cournot(yours=7.0)


class Pennies(MiniModel, title="Matching pennies", question="Where does it end?"):
    """Marketing wants the coins to match, operations wants them to differ, the firm wants two heads."""

    measures = MEASURES
    chart = {}
    mine: str = marketing("heads", choices=("heads", "tails"), decides=True, label="Marketing's coin")
    yours: str = operations("heads", choices=("heads", "tails"), decides=True, label="Operations' coin")

    def outcome(self):
        match = float(self.mine == self.yours)
        return result(match, -match, float(self.mine == self.yours == "heads"))


@pytest.mark.parametrize("start", list(itertools.product(("heads", "tails"), repeat=2)))
def test_matching_pennies_is_reported_as_a_cycle_of_its_four_states(start):
    found = compare(Pennies(mine=start[0], yours=start[1]))
    assert found.ended == "in a cycle"
    assert {(state.mine, state.yours) for state in found.apart} == set(itertools.product(("heads", "tails"), repeat=2))
    assert len(found.apart) == 4
    # Each state of the cycle is one reply away from the one before.
    for before, after in itertools.pairwise((*found.apart, found.apart[0])):
        assert (before.mine != after.mine) + (before.yours != after.yours) == 1
    assert found.apart_measures() == {"for_marketing": 0.5, "for_operations": 0.5, "for_firm": 0.25}
    assert found.gap == 0.75
    assert "cycle of 4 states" in found.how_it_ended()


class Race(MiniModel, title="A race", question="Who stops first?"):
    """Each side wants to be a step ahead of the other."""

    measures = MEASURES
    chart = {}
    mine: float = marketing(0.0, low=0, high=10, decides=True, label="Marketing's effort")
    yours: float = operations(0.0, low=0, high=8, decides=True, label="Operations' effort")

    def outcome(self):
        return result(-abs(self.mine - self.yours - 1), -abs(self.yours - self.mine - 1), -self.mine - self.yours)


def test_a_race_ends_at_the_limits_and_says_so():
    found = compare(Race())
    (apart,) = found.apart
    assert (apart.mine, apart.yours) == pytest.approx((9, 8))
    assert (found.ended, found.at_limit) == ("at a limit", ("yours",))
    assert "operations' effort" in found.how_it_ended()
    assert found.gap == pytest.approx(17)


class Climb(Race, title="A climb", question="Who stops first?"):
    """The same race with its replies in closed form and nothing in the way."""

    mine: float = marketing(0.0, low=0, high=1e6, decides=True, label="Marketing's effort")
    yours: float = operations(0.0, low=0, high=1e6, decides=True, label="Operations' effort")

    def best_levers(self, judge, levers):
        return {
            "marketing": {"mine": self.yours + 1},
            "operations": {"yours": self.mine + 1},
            "firm": {"mine": 0, "yours": 0},
        }[judge]


def test_replies_that_neither_settle_nor_repeat_are_stopped():
    found = compare(Climb())
    assert found.ended == "stopped" and len(found.apart) == 1
    assert found.apart[0].yours == 2 * interface.MOST_ROUNDS
    assert "had not settled" in found.how_it_ended()


class Meeting(MiniModel, title="A meeting place", question="Who moves first?"):
    """Both want to be in the same place; either will do."""

    measures = MEASURES
    chart = {}
    mine: str = marketing("docks", choices=("docks", "office"), decides=True, label="Marketing's place")
    yours: str = operations("office", choices=("docks", "office"), decides=True, label="Operations' place")

    def outcome(self):
        together = float(self.mine == self.yours)
        return result(together, together, together)


def test_marketing_replies_first():
    (apart,) = compare(Meeting()).apart
    assert (apart.mine, apart.yours) == ("office", "office")


class Plateau(MiniModel, title="A plateau", question="Who moves for nothing?"):
    """Marketing gains the same from 3 to 7; operations gains nothing from anything."""

    measures = MEASURES
    chart = {}
    mine: int = marketing(5, low=0, high=10, decides=True, label="Marketing's step")
    yours: float = operations(0.25, low=0, high=1, decides=True, label="Operations' share")
    open_late: bool = operations(True, label="Open late")

    def outcome(self):
        return result(-max(3 - self.mine, self.mine - 7, 0), 0, float(self.open_late))


@pytest.mark.parametrize(("start", "end"), [(5, 5), (3, 3), (7, 7), (1, 3), (10, 7)])
def test_of_equal_values_the_one_closest_to_the_present_stays(start, end):
    chosen = choose(Plateau(mine=start), "marketing")
    assert chosen == Plateau(mine=end)
    assert choose(Plateau(yours=0.123), "operations") == Plateau(yours=0.123)


def test_a_lever_that_does_not_decide_moves_when_it_is_named():
    start = Plateau(open_late=False)
    assert choose(start, "firm") == start and compare(start).together == start
    assert choose(start, "firm", ["open_late"]) == start.but(open_late=True)
    assert compare(start, ["open_late"]).gap == 1


@pytest.mark.parametrize("levers", [["mine", "no_such_lever"], ["size"], [""], "mine"])
def test_a_name_that_is_no_lever_is_answered_with_those_that_are(levers):
    for ask in (lambda: compare(Cournot(), levers), lambda: choose(Cournot(), "firm", levers)):
        with pytest.raises(InputError, match="is no lever of cournot; its levers are mine, yours") as caught:
            ask()
        assert caught.value.parameter == "levers"


class Shared(MiniModel, title="A shared lever", question="Whose is it?"):
    """A lever that belongs to both sides and costs the firm its distance from 0.7."""

    measures = MEASURES
    chart = {}
    mine: float = marketing(0.5, low=0, high=1, decides=True, label="Marketing's share")
    yours: float = operations(0.5, low=0, high=1, decides=True, label="Operations' share")
    process: float = joint(0.0, low=0, high=1, decides=True, label="Joint process")

    def outcome(self):
        m, o = -((self.mine - 0.2) ** 2) + self.process, -((self.yours - 0.4) ** 2) + self.process
        return result(m, o, -((self.process - 0.7) ** 2))


def test_a_joint_lever_stays_alone_and_apart_and_moves_together():
    found = compare(Shared())
    assert {found.marketing.process, found.operations.process, found.apart[0].process} == {0.0}
    assert found.together.process == pytest.approx(0.7, abs=1e-5)
    # It never moves apart, so that it stands at an end of its range is no end of the replies.
    assert (found.ended, found.at_limit) == ("settled", ())


def test_a_joint_lever_alone_stays_even_when_it_is_named():
    found = compare(Shared(), ["process"])
    assert found.marketing == found.operations == found.apart[0] == Shared()
    assert found.together.process == pytest.approx(0.7, abs=1e-5)
    assert choose(Shared(), "marketing", ["process"]).process == 1.0  # `choose` moves what is named, whoever's it is


class Promise(MiniModel, title="A promise", question="What can be kept?"):
    """Marketing sells as much as it can; beyond ``capacity`` the promise cannot be kept."""

    measures = MEASURES
    chart = {}
    sold: int = marketing(2, low=0, high=10, decides=True, label="Sold")
    made: int = operations(2, low=0, high=10, decides=True, label="Made")
    capacity: float = setting(6.0, low=-1, label="Capacity")
    closed_form: bool = setting(False, label="Closed form known")
    counted: bool = setting(True, label="Counted")

    def outcome(self):
        late = (f"{self.sold} cannot be delivered.",) if self.sold > self.capacity else ()
        return Outcome(
            {"for_marketing": self.sold, "for_operations": self.made, "for_firm": self.sold if self.counted else None},
            problems=late,
        )

    def best_levers(self, judge, levers):
        return {"sold": 10} if self.closed_form and judge == "marketing" else None


@pytest.mark.parametrize("start", [2, 9])
def test_settings_with_a_problem_are_passed_over(start):
    assert choose(Promise(sold=start), "marketing").sold == 6


def test_a_closed_form_answers_for_what_it_returns():
    """A side may be meant to ignore a promise that is the other's to keep."""
    chosen = choose(Promise(closed_form=True), "marketing")
    assert chosen.sold == 10 and chosen.outcome().problems


def test_where_every_setting_has_a_problem_there_is_no_comparison():
    for ask in (compare, lambda model: choose(model, "marketing")):
        with pytest.raises(
            NoComparison, match="every setting that marketing could choose has a problem.* cannot be delivered"
        ):
            ask(Promise(capacity=-1))


def test_where_a_measure_does_not_exist_there_is_no_comparison():
    for ask in (compare, lambda model: choose(model, "firm")):
        with pytest.raises(NoComparison, match="profit does not exist at these values"):
            ask(Promise(counted=False))


@each_model
@hypothesis.settings(max_examples=8)
@hypothesis.given(draws=strategies.data())
def test_no_setting_on_a_grid_beats_the_one_chosen(model, states, draws):
    """For each judge, from a random start, with all of its levers and with each of them alone."""
    values = draws.draw(states(model, most=2, only=model.levers("marketing", "operations", "joint", all_of_them=True)))
    start = model.of(values)
    own = {judge: model.levers(judge, "joint") if judge == "firm" else model.levers(judge) for judge in JUDGES}
    own["firm"] = model.levers("marketing", "operations", "joint")
    for judge, levers in own.items():
        assert_none_beats(choose(start, judge), start, judge, levers, points=13)
    for judge, lever in itertools.product(JUDGES, own["firm"]):
        try:
            chosen = choose(start, judge, [lever])
        except NoComparison:  # as where the other levers alone are over a budget
            assert all(start.but(**{lever: value}).outcome().problems for value in grid(start, lever, 40))
        else:
            assert_none_beats(chosen, start, judge, [lever], points=40)
    assert compare(start).together == choose(start, "firm")


@each_model
@hypothesis.settings(max_examples=6)
@hypothesis.given(draws=strategies.data())
def test_where_the_replies_settle_neither_side_gains_by_moving(model, states, draws):
    start = model.of(draws.draw(states(model, most=2, only=model.levers("marketing", "operations", all_of_them=True))))
    found = compare(start)
    if found.ended in ("settled", "at a limit"):
        for side in ("marketing", "operations"):
            assert_none_beats(found.apart[0], found.apart[0], side, model.levers(side), points=40)
    sign = 1 if model.goal("firm").better == "more" else -1
    profit = model.goal("firm").name
    assert found.gap == pytest.approx(
        sign * (found.together.outcome().measures[profit] - found.apart_measures()[profit])
    )
    assert found.gap >= -1e-6 * abs(found.apart_measures()[profit])


def assert_none_beats(chosen, start, judge, levers, points):
    goal = start.goal(judge)
    sign = 1 if goal.better == "more" else -1
    best = chosen.outcome().measures[goal.name]
    for point in itertools.product(*(grid(start, name, points) for name in levers)):
        outcome = start.but(**dict(zip(levers, point, strict=True))).outcome()
        value = outcome.measures[goal.name]
        if value is not None and not outcome.problems:
            assert sign * (value - best) <= 1e-9 * max(abs(best), 1), (judge, dict(zip(levers, point, strict=True)))


def grid(model, name, points):
    parameter = model.parameters[name]
    if parameter.choices:
        return parameter.choices
    low, high = parameter.search_limits(model)
    if parameter.kind == "whole":
        return range(math.ceil(low), math.floor(high) + 1)
    values = [low + (high - low) * i / (points - 1) for i in range(points)]
    # An end that is itself excluded is stepped over.
    return [value for value in values if value not in (parameter.above, parameter.below)]
