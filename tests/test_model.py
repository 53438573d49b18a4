"""What holds for every mini-model, and for every parameter of each, from its own declaration."""

import contextlib
import doctest
import inspect
import itertools
import json
import math
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import hypothesis
import numpy
import pandas
import pytest
from hypothesis import strategies

import moi as package
from moi import cli
from moi.explore import answering
from moi.model import LARGEST, LONGEST, InputError, Measure, MiniModel, Outcome, marketing, operations, setting
from moi.models import UnknownModel, all_models, get

MODELS = list(all_models().values())
PARAMETERS = [(model, parameter) for model in MODELS for parameter in model.parameters.values()]

each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)


def each(chosen):
    return pytest.mark.parametrize(("model", "parameter"), chosen, ids=[f"{m.name}-{p.name}" for m, p in chosen])


each_parameter = each(PARAMETERS)
each_number = each([(model, parameter) for model, parameter in PARAMETERS if parameter.kind in ("number", "whole")])


def excluded(parameter):
    """Whether the two ends of the range are themselves not allowed."""
    return parameter.low is None and parameter.above is not None, parameter.high is None and parameter.below is not None


def numbers_outside(parameter, model):
    """Numbers that miss the bounds of ``parameter`` by as little as can be, and by as much."""
    low, high = parameter.limits(model)
    low_excluded, high_excluded = excluded(parameter)
    yield low if low_excluded else math.nextafter(low, -math.inf)
    yield high if high_excluded else math.nextafter(high, math.inf)
    yield from (math.nan, math.inf, -math.inf, 1e300, -1e300, 10**5_000, Fraction(10**400))


def bad_values(parameter, model):
    """Everything that ``parameter`` must refuse."""
    yield from ({}, {"value": 1}, [], [[1.0, 2.0]], b"12", object(), 1j, numpy.array(3.0), numpy.array([[1.0], [2.0]]))
    if not parameter.optional:
        yield None
    if parameter.kind == "choice":
        yield from ("no such choice", "", 1, True, list(parameter.choices), parameter.choices[0].upper())
    elif parameter.kind == "flag":
        yield from (0, 1, "true", math.nan)
    elif parameter.kind == "numbers":
        yield from ("no such data set", "", 12.0, True, math.nan)
        good = [float(sum(parameter.limits(model)) / 2)] * max(parameter.shortest, 36)
        yield good[: parameter.shortest - 1]
        yield [good[0]] * (LONGEST + 1)
        yield dict.fromkeys(range(1, 40), good[0])
        for wrong in ("twelve", True, None, [1.0], {}, *numbers_outside(parameter, model)):
            yield [*good, wrong]
    else:
        yield from ("twelve", "12", "", True, False, [12.0])
        yield from numbers_outside(parameter, model)
        if parameter.kind == "whole":
            yield parameter.limits(model)[0] + 0.5


@each_model
def test_the_defaults_are_allowed_and_computed(model):
    assert model().values == model.values_by_default()
    assert any(value is not None for value in model().outcome().measures.values())


@each_model
def test_the_measures_returned_are_the_measures_declared(model):
    assert list(model().outcome().measures) == [measure.name for measure in model.measures]


@each_model
def test_each_side_and_the_firm_are_judged_by_one_measure(model):
    judged = [measure.side for measure in model.measures if measure.better]
    assert sorted(judged) == ["firm", "marketing", "operations"]


@each_model
def test_both_sides_have_a_lever_that_decides_or_share_one(model):
    assert model.levers("marketing", "joint") and model.levers("operations", "joint")


@each_parameter
def test_the_default_is_within_the_bounds(model, parameter):
    assert parameter.checked(parameter.default, model()) == parameter.default


@each_number
def test_a_bound_itself_is_allowed(model, parameter):
    low, high = parameter.limits(model())
    for bound, out in zip((low, high), excluded(parameter), strict=True):
        inside = math.nextafter(bound, (low + high) / 2) if out else bound
        assert parameter.checked(inside, model()) == inside


@each_parameter
def test_a_bad_value_is_answered_by_parameter_value_range_and_unit(model, parameter):
    for bad in bad_values(parameter, model()):
        with pytest.raises(InputError) as caught:
            model.of({parameter.name: bad})
        error, text = caught.value, str(caught.value)
        assert error.parameter == parameter.name and error.value is bad
        assert text.startswith(f"{parameter.name} must be ")
        assert len(text.splitlines()) == 1 and len(text) < 400
        assert error.allowed in text and parameter.unit in text
        assert "got " in text
        typed = text.replace("\N{NO-BREAK SPACE}", "").replace("\N{MINUS SIGN}", "-")
        for bound in parameter.limits(model()) if parameter.kind in ("number", "whole", "numbers") else ():
            assert f"{bound:.13g}" in typed
        for choice in parameter.choices:
            assert choice in text


@each_parameter
def test_a_bad_value_ends_the_command_line_with_2_and_one_line(model, parameter, moi):
    for bad in bad_values(parameter, model()):
        with contextlib.suppress(TypeError, ValueError):  # what JSON cannot hold cannot be typed either
            given = json.dumps(bad)
            status, out, err = moi("run", model.name, "--set", f"{parameter.name}={given}")
            assert (status, out) == (2, ""), given
            assert len(err.splitlines()) == 1 and err.startswith(f"moi: {parameter.name} must be "), err


@each_number
def test_the_value_given_is_shown_exactly(model, parameter):
    """A number that misses a bound in its last digit must not be shown rounded to the bound."""
    low, high = parameter.limits(model())
    for outside in (math.nextafter(low, -math.inf), math.nextafter(high, math.inf)):
        with pytest.raises(InputError, match=f"got {outside!r}\\.$".replace("+", "\\+")):
            parameter.checked(numpy.float64(outside), model())


@each_parameter
def test_numbers_of_numpy_and_pandas_become_plain_ones(model, parameter):
    default = parameter.default
    if parameter.kind == "whole":
        default = default if isinstance(default, int) else int(parameter.limits(model())[0])
        given = [numpy.int64(default), numpy.int16(default), numpy.float64(default), Fraction(default)]
    elif parameter.kind == "number":
        value = default if default is not None else sum(parameter.limits(model())) / 2
        given = [numpy.float64(value), Fraction(value)]
    elif parameter.kind == "numbers":
        values = [float(max(sum(parameter.limits(model())) / 2, 1))] * max(parameter.shortest, 36)
        given = [numpy.array(values), pandas.Series(values), tuple(values), (value for value in values)]
    else:
        given = [numpy.str_(default)] if parameter.kind == "choice" else []
    if parameter.words:
        given.append(numpy.str_(parameter.words()[0]))
    for value in given:
        plain = parameter.checked(value, model())
        assert all(type(item) in (float, int, str) for item in (plain if isinstance(plain, tuple) else [plain]))


@each_model
def test_an_unknown_name_is_answered_with_the_names_that_exist(model, moi):
    for make in (model.of, lambda values: model().but(**values)):
        with pytest.raises(InputError) as caught:
            make({"no_such_thing": 1})
        assert caught.value.parameter == "no_such_thing"
        assert all(name in str(caught.value) for name in model.parameters)
    status, out, err = moi("run", model.name, "--set", "no_such_thing=1")
    assert (status, out, len(err.splitlines())) == (2, "", 1) and "no_such_thing" in err


@each_model
@hypothesis.settings(max_examples=60)
@hypothesis.given(draws=strategies.data())
def test_allowed_values_are_computed_or_refused_in_a_sentence(model, states, draws):
    values = draws.draw(states(model))
    try:
        found = model.of(values)
        outcome = found.outcome()
    except InputError as error:
        assert len(str(error).splitlines()) == 1 and error.parameter in model.parameters
        return
    assert all(value is None or math.isfinite(value) for value in outcome.measures.values())
    assert all(isinstance(problem, str) and problem.endswith(".") for problem in outcome.problems)
    json.dumps(cli.ran(found), allow_nan=False)


@each_model
@hypothesis.settings(max_examples=25)
@hypothesis.given(draws=strategies.data())
def test_what_run_prints_as_json_reproduces_itself(model, states, draws, moi):
    values = draws.draw(states(model))
    status, first, err = moi("run", model.name, "--values", "-", "--json", stdin=json.dumps(values))
    if status:
        assert status == 2 and first == "" and len(err.splitlines()) == 1
        return
    again = moi("run", model.name, "--values", "-", "--json", stdin=json.dumps(json.loads(first)["values"]))
    assert again == (0, first, "")


@each_model
def test_values_are_plain_and_complete(model):
    values = model().values
    assert list(values) == list(model.parameters)
    assert json.loads(json.dumps(values)) == values


@each_model
def test_the_same_values_give_the_same_outcome(model):
    assert model().outcome() == model().outcome()


@each_model
def test_the_rows_of_a_table_have_the_same_columns(model):
    for rows in model().outcome().tables.values():
        assert len({tuple(row) for row in rows}) == 1


@each_model
def test_the_docstring_asks_the_question_and_its_example_runs(model):
    assert inspect.getdoc(model).startswith(model.question)
    examples = doctest.DocTestFinder(recurse=False).find(model, model.name, globs=vars(sys.modules[model.__module__]))
    assert sum(len(test.examples) for test in examples) >= 2
    runner = doctest.DocTestRunner()
    assert sum(runner.run(test).failed for test in examples) == 0


def test_the_standard_library_is_enough_and_gives_the_same_numbers():
    """The page's Python has nothing else: no site-packages, and not one module from outside the standard library."""
    requests = [json.dumps({"model": name, "values": {}, "compare": True}) for name in all_models()]
    program = """
import sys
try:
    import numpy
except ImportError:
    sys.path.insert(0, sys.argv[1])
else:
    sys.exit("this Python is not bare")
import json
import moi.interface, moi.model
from moi.explore.answering import answer_json
from moi.models import all_models
from moi.solver import NoSolver
def answered(request):
    try:
        return answer_json(request)
    except NoSolver:
        return "no solver"
print(json.dumps([answered(request) for request in json.loads(sys.argv[2])]))
foreign = {name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names - {"__main__", "moi"}
sys.exit(f"imported from outside the standard library: {foreign}" if foreign else 0)
"""
    source = Path(package.__file__).parent.parent
    bare = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(source), json.dumps(requests)], capture_output=True, text=True
    )
    assert bare.returncode == 0, bare.stderr
    answers = json.loads(bare.stdout)
    assert answers.count("no solver") < len(answers)
    for request, bare_answer in zip(requests, answers, strict=True):
        assert bare_answer in ("no solver", answering.answer_json(request))


def test_a_model_is_found_by_its_name():
    assert list(all_models()) == sorted(all_models())
    assert all(get(name) is model for name, model in all_models().items())
    with pytest.raises(UnknownModel, match="there is no model 'no_such_model'; there are "):
        get("no_such_model")


# The contract itself, on models made for the purpose


class Bounded(MiniModel, title="Bounded", question="What is allowed?"):
    """What is allowed?"""

    measures = (
        Measure("m", "M", side="marketing", better="more"),
        Measure("o", "O", side="operations", better="less"),
        Measure("f", "F", side="firm", better="more"),
    )
    chart = {}
    push: float = marketing(1.0, above=0, below=lambda model: model.ceiling, unit="kg", label="Push", decides=True)
    pull: int = operations(2, low=-3, high=7, unit="steps", label="Pull", decides=True)
    ceiling: float = setting(4.0, low=2, label="Ceiling")
    sure: bool = setting(False, label="Sure")

    def outcome(self):
        return Outcome({"m": self.push, "o": 1.0 / self.pull, "f": self.push**400})

    def best_levers(self, judge, levers):
        return {"push": 1 / (self.ceiling - 2)}


def test_a_message_says_parameter_range_unit_and_value():
    cases = {
        "push must be a number above 0 and below 4 kg; got 4.0.": {"push": 4.0},
        "push must be a number above 0 and below 2.5 kg; got 3.": {"push": 3, "ceiling": 2.5},
        "pull must be a whole number from \N{MINUS SIGN}3 to 7 steps; got 2.5.": {"pull": 2.5},
        "ceiling must be a number from 2 to 1\xa0000\xa0000\xa0000\xa0000; got nan.": {"ceiling": math.nan},
        "sure must be true or false; got 1.": {"sure": 1},
        "sure must be true or false; got 'yes'.": {"sure": "yes"},
    }
    for message, values in cases.items():
        with pytest.raises(InputError) as caught:
            Bounded.of(values)
        assert str(caught.value) == message


def test_a_bound_may_follow_another_value():
    assert Bounded(push=5, ceiling=6).push == 5.0
    with pytest.raises(InputError, match="^ceiling must be"):  # the soundness of what a bound rests on comes first
        Bounded(push=5, ceiling="six")


def test_arithmetic_that_fails_at_extreme_values_is_answered_in_words():
    with pytest.raises(InputError, match="too extreme to compute with.*ceiling = 1000000"):
        Bounded(push=1e5, ceiling=1e6).outcome()
    with pytest.raises(InputError, match="pull = 0 "):
        Bounded(pull=0).outcome()
    with pytest.raises(InputError, match="too extreme to compute with"):
        Bounded(ceiling=2).best_levers("marketing", ["push"])


def test_a_parameter_cannot_take_the_name_of_something_every_model_has():
    with pytest.raises(TypeError, match="a parameter called values would hide"):

        class Hiding(MiniModel, title="Hiding", question="What is hidden?"):
            values: float = setting(1.0, label="Values")


def test_a_model_cannot_be_changed():
    with pytest.raises(AttributeError):
        Bounded().push = 2.0  # type: ignore[misc]
    start = Bounded()
    assert start.but(push=2).push == 2.0 and start.push == 1.0


def test_a_bound_that_moves_is_tried_on_a_value_that_does_not():
    start = Bounded(push=5, ceiling=9)
    with pytest.raises(InputError, match="^push must be a number .* got 5"):
        start.but(ceiling=4)
    assert start.but(ceiling=4, push=3).values == Bounded(ceiling=4, push=3).values


def test_an_outcome_refuses_what_is_not_finite():
    for value in (math.nan, math.inf):
        with pytest.raises(OverflowError, match="profit"):
            Outcome({"profit": value})


def test_numbers_are_written_as_a_reader_would():
    money = Measure("profit", "Profit", "£/year", form="money")
    assert money.text(154_783.09) == "£154\xa0783"
    assert money.text(-20.4, with_unit=True) == "\N{MINUS SIGN}£20\xa0a year"
    assert Measure("share", "Share", form="share", digits=1).text(0.6434) == "64.3\xa0%"
    assert Measure("lot", "Lot", "units").text(4_629.1, with_unit=True) == "4\xa0629\xa0units"
    assert money.text(None) == "–"
    assert Measure("bias", "Bias", digits=1).text(-0.04) == "0.0"  # no minus before nothing


def test_the_largest_number_is_beyond_anything_in_the_course():
    """Every default lies far inside the range that is given to a parameter without bounds."""
    defaults = itertools.chain.from_iterable(
        default if isinstance(default, tuple) else [default]
        for default in (parameter.default for _, parameter in PARAMETERS)
    )
    assert all(abs(default) < LARGEST / 1e3 for default in defaults if isinstance(default, (int, float)))
