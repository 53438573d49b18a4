"""The command line: what it prints, in text and in JSON, and how it refuses."""

import json
import os
import subprocess
import sys

import pytest

from moi import interface
from moi.cli import compared, slow_imports
from moi.models import all_models
from moi.models.variety import Variety


def test_list_names_every_model_on_a_line_of_its_own(moi):
    status, out, err = moi("list")
    assert (status, err) == (0, "")
    for line, (name, model) in zip(out.splitlines(), all_models().items(), strict=True):
        assert line.startswith(name) and model.title in line and model.question in line


def test_list_in_json(moi):
    _, out, _ = moi("list", "--json")
    assert [set(entry) for entry in json.loads(out)] == [{"model", "title", "question"}] * len(all_models())
    assert [entry["model"] for entry in json.loads(out)] == list(all_models())


def test_run_prints_what_the_model_computes(moi):
    status, out, err = moi("run", "variety", "--set", "variants=25", "--set", "setup_cost=81.07")
    assert (status, err) == (0, "")
    assert "variants = 25" in out and "setup_cost = 81.07" in out and "£154\xa0783\xa0a year" in out
    assert Variety(variants=25, setup_cost=81.07).outcome().summary in out


def test_run_in_json_has_the_keys_that_other_programs_rely_on(moi):
    _, out, _ = moi("run", "variety", "--set", "variants=25", "--json")
    printed, outcome = json.loads(out), Variety(variants=25).outcome()
    assert list(printed) == ["model", "values", "measures", "tables", "problems"]
    assert printed["model"] == "variety" and printed["values"] == Variety(variants=25).values
    assert printed["measures"] == outcome.measures
    assert printed["tables"] == outcome.tables and printed["problems"] == []


def test_run_says_what_cannot_be_honoured(moi):
    falling = json.dumps(list(range(36, 0, -1)))
    arguments = (
        "run",
        "seasonal_forecast",
        "--set",
        f"series={falling}",
        "--set",
        "method=holt",
        "--set",
        "holdout=0",
        "--set",
        "horizon=12",
    )
    _, out, _ = moi(*arguments)
    assert "Problem: " in out
    _, out, _ = moi(*arguments, "--json")
    assert len(json.loads(out)["problems"]) == 1


def test_choose_answers_in_the_shape_of_run(moi):
    _, chosen, _ = moi("choose", "variety", "--for", "firm", "--levers", "variants", "--json")
    assert moi("run", "variety", "--set", "variants=21", "--json") == (0, chosen, "")
    _, chosen, _ = moi("choose", "variety", "--for", "operations", "--levers", "variants")
    assert moi("run", "variety", "--set", "variants=1") == (0, chosen, "")


def test_choose_moves_the_deciding_levers_of_the_side_that_is_asked(moi):
    _, out, _ = moi("choose", "variety", "--for", "marketing", "--json")
    assert json.loads(out)["values"] == Variety(variants=60).values


def test_compare_in_json_has_the_keys_that_other_programs_rely_on(moi):
    status, out, err = moi("compare", "variety", "--json")
    printed, found = json.loads(out), interface.compare(Variety())
    assert (status, err) == (0, "")
    assert {"marketing", "operations", "apart", "together", "gap"} <= set(printed)
    for state in ("marketing", "operations", "together"):
        model = getattr(found, state)
        assert printed[state] == {"values": model.values, "measures": model.outcome().measures}
    assert printed["apart"]["values"] == found.apart[0].values
    assert printed["apart"]["measures"] == found.apart[0].outcome().measures
    assert printed["apart"]["states"] == [{key: printed["apart"][key] for key in ("values", "measures")}]
    assert (printed["apart"]["ended"], printed["apart"]["at_limit"]) == ("at a limit", ["variants"])
    assert printed["gap"] == found.gap


def test_compare_prints_a_row_for_each_question(moi):
    _, out, _ = moi("compare", "variety")
    rows = out.splitlines()
    for row, start in zip(rows[1:5], ("marketing alone", "operations alone", "apart", "together"), strict=True):
        assert row.startswith(start)
    assert "The replies end at a limit of a lever: flavours offered." in rows
    assert rows[-1] == "Integration gap: £29\xa0605\xa0a year"


def test_compare_moves_the_levers_that_are_named(moi):
    _, out, _ = moi("compare", "variety", "--levers", "variants", "--json")
    printed = json.loads(out)
    assert printed["operations"]["values"] == Variety().values  # its only lever was not named
    assert printed["together"]["values"] == Variety(variants=21).values


def test_a_cycle_is_printed_state_by_state():
    found = interface.Comparison(
        Variety(), Variety(), (Variety(variants=1), Variety(variants=2)), Variety(), "in a cycle", (), 1.0
    )
    apart = compared(found)["apart"]
    assert apart["values"] is None and apart["ended"] == "in a cycle"
    assert [state["values"]["variants"] for state in apart["states"]] == [1, 2]
    profits = [state["measures"]["profit"] for state in apart["states"]]
    assert apart["measures"]["profit"] == pytest.approx(sum(profits) / 2)


def test_values_come_from_a_file_or_from_standard_input(moi, tmp_path):
    file = tmp_path / "values.json"
    file.write_text('{"variants": 7, "price": 3.5}', encoding="utf-8")
    expected = moi("run", "variety", "--set", "variants=7", "--set", "price=3.5", "--json")
    assert moi("run", "variety", "--values", str(file), "--json") == expected
    assert moi("run", "variety", "--values", "-", "--json", stdin=file.read_text()) == expected


def test_set_goes_before_what_the_file_says(moi):
    _, out, _ = moi(
        "run", "variety", "--values", "-", "--set", "variants=9", "--json", stdin='{"variants": 7, "price": 3.5}'
    )
    assert json.loads(out)["values"] == Variety(variants=9, price=3.5).values


@pytest.mark.parametrize("given", ["method=naive", 'method="naive"', "method =naive"])
def test_set_takes_json_and_plain_words(moi, given):
    _, out, _ = moi("run", "seasonal_forecast", "--set", given, "--json")
    assert json.loads(out)["values"]["method"] == "naive"


def test_set_takes_a_list(moi):
    _, out, _ = moi(
        "run",
        "seasonal_forecast",
        "--set",
        "series=[1, 2, 3, 4]",
        "--set",
        "period=1",
        "--set",
        "holdout=1",
        "--set",
        "method=naive",
        "--json",
    )
    assert json.loads(out)["values"]["series"] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "no_such_model"), "there is no model 'no_such_model'; there are "),
        (("run", "variety", "--set", "variants"), "--set takes NAME=VALUE; got 'variants'"),
        (
            ("run", "variety", "--set", "variants=sixty"),
            "variants must be a whole number from 1 to 60 flavours; got 'sixty'",
        ),
        (("run", "variety", "--set", "variants=NaN"), "got nan"),
        (("run", "variety", "--set", "variants=[12"), "got '[12'"),
        (("run", "variety", "--set", "variants=" + "[" * 100_000), "variants must be"),
        (("run", "variety", "--set", "variants=1" + "0" * 6_000), "variants must be"),
        (("run", "variety", "--set", "flavours=3"), "variety has no parameter 'flavours'; it has variants, "),
        (
            ("run", "variety", "--values", "/no/such/file.json"),
            "--values: /no/such/file.json cannot be read: No such file",
        ),
        (("run", "variety", "--values", "-"), "--values: - does not hold JSON"),
        (
            ("choose", "variety", "--for", "firm", "--levers", "price"),
            "'price' is no lever of variety; its levers are variants, setup_cost",
        ),
        (("compare", "variety", "--levers", ""), "'' is no lever of variety"),
        (("compare", "seasonal_forecast", "--set", "holdout=0"), "cost of lost sales does not exist at these values"),
        (("choose", "seasonal_forecast", "--for", "firm", "--set", "holdout=0"), "cost of mismatch does not exist"),
        (("choose", "variety"), "--for"),
        (("choose", "variety", "--for", "finance"), "'finance'"),
        (("run",), "MODEL"),
        (("dance",), "'dance'"),
        ((), "COMMAND"),
    ],
)
def test_what_cannot_be_done_is_answered_in_one_line_with_status_2(moi, arguments, said):
    status, out, err = moi(*arguments)
    assert (status, out) == (2, "")
    assert said in err and err.startswith("moi: ") and err.endswith("\n") and len(err.splitlines()) == 1


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "3", "null", '"variants"', "[" * 100_000])
def test_values_that_are_no_json_object_are_refused(moi, text):
    status, out, err = moi("run", "variety", "--values", "-", stdin=text)
    assert (status, out, len(err.splitlines())) == (2, "", 1) and err.startswith("moi: --values")


def test_a_file_that_is_not_text_is_refused(moi, tmp_path):
    (tmp_path / "values.json").write_bytes(b"\xff\xfe\x00")
    status, out, err = moi("run", "variety", "--values", str(tmp_path / "values.json"))
    assert (status, out, len(err.splitlines())) == (2, "", 1)


def test_the_program_itself_ends_with_the_status_and_the_one_line():
    """As another program starts it."""
    bad = subprocess.run(
        [sys.executable, "-m", "moi.cli", "run", "variety", "--set", "variants=61"], capture_output=True, text=True
    )
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == "moi: variants must be a whole number from 1 to 60 flavours; got 61.\n"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_pounds_and_minus_signs_survive_a_pipe_in_any_encoding(encoding):
    ran = subprocess.run(
        [sys.executable, "-m", "moi.cli", "run", "variety", "--set", "price=1.6"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert ran.returncode == 0 and "\N{MINUS SIGN}£" in ran.stdout.decode("utf-8")


def test_what_takes_long_to_import_is_guessed_from_the_notebooks(tmp_path):
    folder = tmp_path / "solutions" / "week[1]"
    folder.mkdir(parents=True)
    cell = {"source": ["import pandas as pd\n", "from scipy.optimize import linprog\n", "print('import numpy')"]}
    (folder / "a.ipynb").write_text(json.dumps({"cells": [cell]}, indent=1))
    assert slow_imports(tmp_path, "week[1]") == {"pandas", "scipy.optimize"}
    assert slow_imports(tmp_path, "\0") == slow_imports(tmp_path / "none", "week[1]") == set()
