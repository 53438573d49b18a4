"""The checks of assignments: type before size before value, partial points, learners' code that misbehaves."""

from __future__ import annotations

import contextlib
import inspect
import io
import math
import sys
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from ipywidgets import FloatSlider, Label, VBox, interactive
from nbformat.v4 import new_code_cell, new_output
from nbgrader.utils import determine_grade

from moi.grading import checks
from moi.grading.checks import (
    Wrong,
    entry,
    equal,
    ideas,
    in_form,
    moved,
    number,
    picture,
    plain,
    require,
    table,
    values,
)

matplotlib.use("agg")


def told(got: Any, expected: Any, **options: Any) -> str:
    with pytest.raises(Wrong) as failure:
        equal(got, expected, "not this", **options)
    return str(failure.value)


@pytest.mark.parametrize(
    ("got", "expected", "message"),
    [
        ("7", 7, "a number is needed; got text"),
        (True, 1, "a number is needed; got True or False"),
        (None, 1, "a number is needed; got nothing (None): is a return missing?"),
        (math.nan, 1, "a finite number is needed; got nan"),
        (math.inf, 1, "a finite number is needed; got inf"),
        (5, [5], "a list is needed; got a number"),
        ([1, 2], [1, 2, 3], "3 values are needed; got 2"),
        ([1, "2"], [1, 2], "in place 2, a number is needed; got text"),
        ([1, 3], [1, 2], "not this (got [1, 3])"),
        (1.5, 1, "not this (got 1.5)"),
        (2, "B", "a text is needed, in quotation marks; got a number"),
    ],
)
def test_message_goes_from_type_to_size_to_value(got: Any, expected: Any, message: str) -> None:
    assert told(got, expected) == message


@pytest.mark.parametrize(
    "got", [[1, 2], (1, 2), np.array([1, 2]), pd.Series([1.0, 2.0]), (n for n in (1, 2)), [np.float32(1), 2]]
)
def test_any_sequence_of_numbers_is_a_list(got: Any) -> None:
    equal(got, [1, 2], "")


def test_tolerance_is_in_the_unit_of_the_answer() -> None:
    equal(10.4, 10, "", within=0.5)
    assert told(10.6, 10, within=0.5) == "not this (got 10.6)"


def test_the_nearest_slip_explains_the_mistake() -> None:
    slips = [(5.0, "one"), (5.4, "other")]
    assert told(5.3, 1, within=0.5, slips=slips) == "other (got 5.3)"
    assert told(7, 1, within=0.5, slips=slips) == "not this (got 7)"


def test_second_right_value_may_fail_to_exist() -> None:
    equal(3, 4, "", or_else=lambda: 3)
    assert told(3, 4, or_else=lambda: 1 / 0) == "not this (got 3)"


def test_number_and_entry_and_values_say_what_is_needed() -> None:
    assert number(np.float64(0.5), low=0, high=1) == 0.5
    with pytest.raises(Wrong, match=r"a fraction \(got 28.5\)"):
        number(28.5, "a fraction", low=0, high=1)
    assert entry({"mae": 1}, "mae") == 1
    with pytest.raises(Wrong, match="no entry 'mae'; there are 'mad'"):
        entry({"mad": 1}, "mae")
    with pytest.raises(Wrong, match="a dictionary is needed.*got a list"):
        entry([1], "mae")
    with pytest.raises(Wrong, match="3 values are needed; got 2"):
        values((1, 2), 3)


def test_each_idea_is_worth_its_own_points(capsys: pytest.CaptureFixture[str]) -> None:
    with ideas(points=1.5) as check:
        with check.idea(0.5, "first"):
            require(True, "")
        with check.idea(0.5, "second"):
            require(False, "per order, not per unit")
        with check.idea(0.5, "third"):
            raise NotImplementedError
    assert check.score == 0.5
    assert capsys.readouterr().out.splitlines() == [
        "✓ first (0.5)",
        "✗ second (0.5): per order, not per unit",
        "not done yet",
        "0.5 of 1.5 points on the cases tried here",
    ]


def judged_in_form(graded: bool) -> list[str]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), ideas(points=2) as check:
        check.graded = graded
        with check.idea(0.5, "form"):
            number(3, "some pounds", low=0)
            in_form(True, "")
        with check.idea(1, "value"):
            number(3)
            equal(3, 3, "")
        with check.idea(0.5, "wrong form"):
            number(-3, "some pounds", low=0)
    assert check.score == 1.5
    return printed.getvalue().splitlines()


def test_value_of_which_only_the_form_was_judged_is_left_open_until_it_is_graded() -> None:
    assert judged_in_form(graded=False) == [
        "○ form (0.5): right in form; judged when it is graded",
        "✓ value (1)",
        "✗ wrong form (0.5): some pounds (got -3)",
        "1 of 2 points on the cases tried here; 0.5 more are judged when it is graded",
    ]
    assert judged_in_form(graded=True) == [
        "✓ form (0.5)",
        "✓ value (1)",
        "✗ wrong form (0.5): some pounds (got -3)",
        "1.5 of 2 points",
    ]


def test_untouched_task_says_one_thing_only(capsys: pytest.CaptureFixture[str]) -> None:
    with ideas(points=2) as check:
        for _ in range(2):
            with check.idea(1, "idea"):
                missing  # type: ignore[name-defined]  # noqa: B018, F821
    assert check.score == 0
    assert capsys.readouterr().out.splitlines() == [
        "not done yet (there is no missing: has its cell run without an error?)"
    ]


def test_learners_error_is_told_with_the_line_it_stopped_at(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    file = tmp_path / "learner.py"
    file.write_text("def f(x):\n    return x / nought\n")
    names: dict[str, Any] = {}
    exec(compile(file.read_text(), file, "exec"), names)
    with ideas(points=1) as check, check.idea(1, "idea"):
        equal(names["f"](1), 1, "")
    assert check.score == 0
    report = capsys.readouterr().out
    assert "✗ idea (1): it stopped with NameError: name 'nought' is not defined" in report
    assert "at the line 'return x / nought'" in report


def test_what_a_learner_prints_or_exits_does_not_reach_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    with ideas(points=2) as check:
        with check.idea(1, "noisy"):
            print("noise")
            print("noise", file=sys.stderr)
        with check.idea(1, "leaving"):
            sys.exit()
    captured = capsys.readouterr()
    assert (check.score, captured.err) == (1, "") and "noise" not in captured.out


def test_points_of_a_cell_are_those_of_its_ideas() -> None:
    with (
        pytest.raises(ValueError, match="worth 2 points, its ideas 1"),
        ideas(points=2) as check,
        check.idea(1, "idea"),
    ):
        pass


@pytest.mark.parametrize(("earned", "of"), [(0, 1), (1, 1), (2, 3), (3, 3)])
def test_nbgrader_reads_the_score_as_partial_credit(earned: int, of: int) -> None:
    with ideas(points=of / 10) as check:
        for place in range(of):
            with check.idea(0.1, "idea"):
                require(place < earned, "no")
    cell = new_code_cell(metadata={"nbgrader": {"grade": True, "solution": False, "points": of / 10}})
    cell.outputs = [new_output("execute_result", {"text/plain": repr(check.score)}, execution_count=1)]
    assert determine_grade(cell) == (pytest.approx(earned / 10), of / 10)


def test_frames_become_plain_tables() -> None:
    frame = pd.DataFrame(
        {"MAE": [1, 2], "when": pd.to_datetime(["2024-01-01", "2024-02-01"])}, index=pd.Index(["a", "b"], name="method")
    )
    assert table(frame) == {
        "index_name": "method",
        "index": ["a", "b"],
        "columns": ["MAE", "when"],
        "rows": [[1, "2024-01-01T00:00:00"], [2, "2024-02-01T00:00:00"]],
    }
    with pytest.raises(Wrong, match="a pandas DataFrame is needed; got a list"):
        table([1])
    with pytest.raises(Wrong, match="a pandas DataFrame is needed; got a dictionary"):
        table(table(frame))


def test_charts_become_plain_pictures_and_are_closed() -> None:
    import matplotlib.pyplot as plt

    _, axes = plt.subplots()
    axes.plot(["Jan", "Feb"], [1, 2], label="sold")
    axes.set(title="T", xlabel="month", ylabel="units")
    axes.legend()
    axes.scatter(["Feb"], [2], label="most")
    assert picture(axes) == {
        "title": "T",
        "x_label": "month",
        "y_label": "units",
        "legend": ["sold"],
        "lines": [{"label": "sold", "x": ["Jan", "Feb"], "y": [1, 2]}],
        "points": [{"label": "most", "x": [1.0], "y": [2.0]}],
    }
    assert plt.get_fignums() == []
    with pytest.raises(Wrong, match="the Axes of a matplotlib chart is needed; got nothing"):
        picture(None)


def test_moving_a_slider_shows_the_numbers_displayed_and_puts_it_back() -> None:
    seen = []

    def show(alpha: float) -> None:
        seen.append(alpha)
        print(f"{10_000 * alpha:,.1f} units")

    explorer = interactive(show, alpha=FloatSlider(value=0.3, min=0, max=1, step=0.05))
    assert moved(explorer, "alpha", 0.5) == {
        "control": {"min": 0, "max": 1, "step": 0.05, "value": 0.3},
        "numbers": [5000.0],
    }
    assert moved(explorer, "alpha", 0.3)["numbers"] == [3000.0]
    assert seen[-1] == 0.3 and explorer.children[0].value == 0.3


def test_moving_a_slider_reads_a_label() -> None:
    slider, label = FloatSlider(description="alpha", value=0.3, min=0, max=1), Label()
    slider.observe(lambda change: setattr(label, "value", f"about {1_234_567 * change.new:,.0f}"), names="value")
    assert moved(VBox([slider, VBox([label])]), "alpha", 1)["numbers"] == [1234567]


def test_moving_what_is_no_slider_says_so() -> None:
    with pytest.raises(Wrong, match="an ipywidgets widget is needed; got a number"):
        moved(5, "alpha", 0.5)
    with pytest.raises(Wrong, match="none of them is the answer"):
        many = Label("; ".join(map(str, range(999))))
        moved(VBox([FloatSlider(description="alpha", max=1), many]), "alpha", 0.5)
    with pytest.raises(Wrong, match="there is no slider called alpha"):
        moved(VBox([Label("alpha")]), "alpha", 0.5)
    with pytest.raises(Wrong, match="cannot be moved to 2"):
        moved(FloatSlider(description="alpha", min=0, max=1), "alpha", 2)


def test_it_is_known_where_each_check_takes_its_words() -> None:
    public = {name: value for name, value in vars(checks).items() if inspect.isfunction(value) and name[0] != "_"}
    parameters = {name: list(inspect.signature(function).parameters) for name, function in public.items()}
    assert {name: each.index("says") for name, each in parameters.items() if "says" in each} == checks.SAYS


def test_ellipsis_is_not_done_yet() -> None:
    with pytest.raises(NotImplementedError):
        plain(...)
