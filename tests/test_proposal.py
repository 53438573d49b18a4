"""A proposal: what the constructor refuses and says, which cadence fits which level, and what it makes of the firm."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

import moi
from moi.models.mechanisms import SUCCESS, Mechanisms
from moi.proposal import (
    AREAS,
    CADENCES,
    RHYTHMS,
    ProposalError,
    cadence_fault,
    difference_fault,
    faults,
    gives_fault,
    propose,
    strengths,
    uncovered,
)

GOOD = dict(
    name="Monthly plan",
    kind="process",
    decision_area="sales and operations planning",
    marketing_gives="the dates and discounts of its promotions",
    operations_gives="what the line can make, and the stock",
    owner="the planner",
    cadence="monthly",
    success="service",
    cost=2_000,
)


def record(**changes):
    return propose(**GOOD | changes)


def refused(**changes):
    """The faults of a proposal that is refused."""
    with pytest.raises(ProposalError) as raised:
        record(**changes)
    assert all(fault in str(raised.value) for fault in raised.value.faults.values())
    return raised.value.faults


def test_a_record_is_plain_data_with_every_field():
    made = record()
    assert made == GOOD | {"works_like": "process", "reason": ""}
    assert json.loads(json.dumps(made)) == made and faults(made) == faults(GOOD) == {}


@pytest.mark.parametrize("field", ["name", "marketing_gives", "operations_gives", "owner"])
@pytest.mark.parametrize("empty", ["", "  \n", "…", None, 7])
def test_an_empty_text_is_refused_and_named(field, empty):
    assert list(refused(**{field: empty})) == [field]


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("kind", "Process", "did you mean 'process'?"),
        ("kind", "hope", "there is no 'hope'. There are process, team, information, own"),
        ("kind", ["process"], "choose one of"),
        ("decision_area", "sales & operations planning", "did you mean 'sales and operations planning'?"),
        ("decision_area", "", "is empty: choose one of"),
        ("cadence", "montly", "did you mean 'monthly'?"),
        ("cadence", "every now and then", "There are continuous, daily"),
        ("success", "average_stock", "neither more nor less stock is better"),
        ("success", "mechanism_cost", "does not tell what they do"),
        ("success", "customer delight", "There are revenue, cost"),
        ("cost", "£2 000", "without signs or letters"),
        ("cost", True, "without signs or letters"),
        ("cost", 0, "never free"),
        ("cost", -5, "never free"),
        ("cost", float("inf"), "above £0"),
        ("cost", float("nan"), "is missing"),
        ("cost", 6_001, "the rest would buy nothing"),
        ("works_like", "team", "a process works as a process"),
        ("frequency", "monthly", "there is no field 'frequency'"),
        ("owners", "Ada", "did you mean 'owner'?"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_word_on_what_can(field, value, says):
    found = refused(**{field: value})
    assert set(found) - {"works_like"} <= {field} and says in found[field]


def test_all_faults_are_told_at_once():
    assert list(refused(owner="", cadence="now", cost="free")) == ["owner", "cadence", "cost"]


def test_one_of_the_learners_own_needs_a_reason_and_a_stand_in():
    assert list(refused(kind="own")) == ["works_like", "reason"]
    assert "did you mean 'team'" in refused(kind="own", works_like="teams", reason="because …")["works_like"]
    assert record(kind="own", works_like="team", reason="One bonus for both.")["works_like"] == "team"


def test_every_area_has_a_level_and_every_level_an_area():
    assert set(AREAS.values()) == set(RHYTHMS) == {"strategic", "tactical", "operational"}


FITS = {
    "strategic": {"monthly", "quarterly", "half-yearly", "yearly"},
    "tactical": {"weekly", "fortnightly", "monthly"},
    "operational": {"continuous", "daily", "weekly"},
}


@pytest.mark.parametrize(("area", "cadence"), list(itertools.product(AREAS, CADENCES)))
def test_a_formal_process_keeps_the_rhythm_of_its_level(area, cadence):
    fault = cadence_fault(record(decision_area=area, cadence=cadence))
    assert (not fault) == (cadence in FITS[AREAS[area]]), fault


def test_a_yearly_meeting_cannot_balance_a_monthly_plan():
    fault = cadence_fault(record(cadence="yearly"))
    assert fault.startswith("yearly is too seldom") and "Sales and operations planning is tactical" in fault
    assert "too often" in cadence_fault(record(decision_area="strategic forecasting", cadence="daily"))


@pytest.mark.parametrize("kind", ["team", "information"])
def test_teams_and_systems_may_be_faster_but_not_slower(kind):
    for area, cadence in itertools.product(AREAS, CADENCES):
        fault = cadence_fault(record(kind=kind, decision_area=area, cadence=cadence))
        slowest = RHYTHMS[AREAS[area]].slowest
        assert bool(fault) == (CADENCES.index(cadence) > CADENCES.index(slowest))


def test_both_functions_give_something_of_their_own():
    assert not gives_fault(record())
    assert "operations_gives is empty" in gives_fault(GOOD | {"operations_gives": " - "})
    assert "very same words" in gives_fault(record(marketing_gives="Its time.", operations_gives="its  time"))


def test_mechanisms_differ_by_name_and_by_what_they_do_where():
    one = record()
    gate = record(name="Stage gate", decision_area="new product development")
    team = record(name="Team", kind="team")
    assert not difference_fault([one, gate, team])
    assert "counts once" in difference_fault([one, gate | {"name": "monthly PLAN!"}])
    assert "made stronger" in difference_fault([one, record(name="Another meeting")])
    bonus = record(name="One bonus", kind="own", works_like="team", reason="No team is formed.")
    assert not difference_fault([team, bonus])
    assert "a cross-functional team" in difference_fault([one, bonus, bonus | {"name": "Another bonus"}])
    assert not difference_fault([one, bonus, bonus | {"name": "Board on the wall", "works_like": "information"}])


def test_what_is_not_covered():
    own = record(kind="own", works_like="information", reason="A board on the wall.")
    assert uncovered([]) == ("process", "people", "information")
    assert uncovered([record(), own]) == ("people",)
    assert uncovered([record(), own, record(kind="team")]) == ()


def test_strength_is_cost_over_what_full_strength_costs():
    firm = Mechanisms(process_cost=4_000, information_cost=0)
    two = [record(cost=1_000), record(cost=500), record(kind="team", cost=7_000)]
    made = strengths(two, firm)
    assert made == {"process": 0.375, "team": 1.0, "information": 0.0}
    assert firm.but(**made).outcome().measures["mechanism_cost"] == pytest.approx(8_500)
    with pytest.raises(ProposalError, match=r"£4\s001 a year is more than a formal process at full strength"):
        strengths([record(cost=4_001)], firm)


def test_every_measure_of_success_can_be_tried_on_the_firm():
    for measure in SUCCESS:
        moved = Mechanisms(**strengths([record(success=measure)], Mechanisms())).moved(measure)
        assert moved.measure == measure


def test_needs_the_standard_library_only():
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import moi.proposal; "
        "print({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names - {'__main__', 'moi'})"
    )
    source = Path(moi.__file__).parent.parent
    bare = subprocess.run([sys.executable, "-I", "-S", "-c", program, str(source)], capture_output=True, text=True)
    assert (bare.returncode, bare.stdout) == (0, "set()\n"), bare.stderr
