"""What the explorer makes of a model before any browser: tables in the reader's words, legends, compiled charts."""

from typing import Any, ClassVar

import pytest

from moi.explore import chart, html, tables
from moi.explore.answering import answer
from moi.model import Measure, MiniModel, Outcome, marketing, setting
from moi.models import all_models

NAMES = sorted(all_models())


class Stall(MiniModel, title="A stall", question="How many?"):
    """A model with one table of every kind of column."""

    price: float = marketing(2.5, low=0, unit="£/cone", label="Price of a cone")
    month: int = setting(12, low=1, label="Months in a year")

    measures = (Measure("revenue", "Revenue", "£/year", "firm", "more", form="money"),)
    columns = (
        Measure("cones", "Cones", "cones/month"),
        Measure("shared", "Share of the street", form="share", digits=1),
    )
    chart: ClassVar[dict[str, Any]] = {}

    def outcome(self) -> Outcome:
        rows = [
            {
                "month": month,
                "price": 2.5 * month,
                "revenue": 1234.56 * month,
                "cones": 493.8 * month,
                "shared": 0.1234,
                "rain_fell": month == 1,
                "kept_back": None,
                "weather": "very_dry",
                "litres_each": 0.04567 * month,
            }
            for month in (1, 2)
        ]
        return Outcome(measures={"revenue": 1.0}, tables={"months": rows, "now": rows[:1]})


def test_a_table_is_in_the_words_figures_and_units_of_its_reader():
    (table,) = tables.in_words(Stall(), Stall().outcome())
    assert table["title"] == ""
    assert table["head"] == [
        "Month",  # not the setting of that name, which does not vary by row
        "Price of a cone, £/cone",
        "Revenue, £/year",
        "Cones, cones/month",
        "Share of the street",
        "Rain fell",
        "Kept back",
        "Weather",
        "Litres each",
    ]
    first, second = table["rows"]
    assert first == ["1", "£2.50", "£1\u00a0235", "494", "12.3\u00a0%", "yes", "–", "Very dry", "0.0457"]
    assert second == ["2", "£5.00", "£2\u00a0469", "988", "12.3\u00a0%", "no", "–", "Very dry", "0.0913"]


def test_several_tables_are_told_apart_by_their_titles():
    model = all_models()["seasonal_forecast"]()
    assert [table["title"] for table in tables.in_words(model, model.outcome())] == ["Forecast", "Recent"]


@pytest.mark.parametrize("name", NAMES)
def test_no_table_shows_a_name_or_a_value_of_the_code(name):
    asked = {"model": name, "values": {}, "written": True}
    texts = [text for table in answer(asked)["written"] for row in [table["head"], *table["rows"]] for text in row]
    assert texts and not [text for text in texts if "_" in text or text in ("True", "False", "None", "nan", "")]
    assert max(len(text.partition(".")[2]) for text in texts) <= 4
    assert "written" not in answer({"model": name, "values": {}})


@pytest.mark.parametrize("name", NAMES)
def test_the_live_chart_takes_every_table_that_it_draws(name):
    model = all_models()[name]
    taken = {data["name"] for data in chart.compiled(model)["data"]}
    assert set(_tables_named(model.chart)) <= taken


def _tables_named(part):
    if isinstance(part, dict):
        if "name" in part.get("data", {}):
            yield part["data"]["name"]
        for inner in part.values():
            yield from _tables_named(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _tables_named(inner)


@pytest.mark.parametrize("name", NAMES)
def test_the_legend_names_every_colour_beside_a_sample_of_its_mark(name):
    model = all_models()[name]
    entries = chart.legend(model)
    assert len(entries) >= 3 and len({(e.mark, e.colour, e.dashes) for e in entries}) == len(entries)
    assert all(entry.colour.startswith("var(--moi-") for entry in entries)
    shown = html.markup(model(), ())
    assert all(f"</svg>{entry.label.replace(chr(39), '&#x27;')}</li>" in shown for entry in entries)
    # Vega's own legend neither wraps nor follows the page's type.
    assert "legends" not in chart.compiled(model)


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_of_the_book_comes_with_the_comparison_at_its_state_and_a_widget_without(name):
    model = all_models()[name]()
    printed, widget = (html.specification(model, searched)["comparison"] for searched in (True, False))
    assert printed == answer({"model": name, "values": {}, "compare": True})["comparison"]
    assert printed["gap"] and widget is None


def test_a_figure_that_cannot_be_compared_is_printed_all_the_same():
    model = all_models()["seasonal_forecast"](holdout=0, horizon=12)
    assert html.specification(model, True)["comparison"] is None
