"""The explorer in JupyterLab, on a chapter opened as a notebook: the kernel computes, traits and figure agree."""

import shutil

import pytest
from playwright.sync_api import expect

from moi.explore.answering import answer

BOOK = "planning/tactical-forecasting.md"


@pytest.fixture
def chapter(lab, page, request):
    """The chapter, opened by a double click and run from top to bottom."""
    source = request.config.rootpath / "book" / BOOK
    shutil.copy(source, lab.folder / "tactical-forecasting.md")
    notebook = lab.run_all(page, "tactical-forecasting.md")
    expect(notebook.get_by_role("heading", name="Tactical forecasting", level=1)).to_be_visible()
    return notebook


def test_a_lever_of_the_chapter_moves_in_jupyterlab(chapter):
    figure = chapter.locator(".moi-explorer").first
    expect(figure).to_have_class("moi-explorer moi-live", timeout=120_000)
    figure.get_by_label("Added by sales, slider").fill("0.1")
    state = {"sales_adjustment": 0.1}
    wanted = answer({"model": "seasonal_forecast", "values": state})["texts"]["mismatch_cost"]
    expect(figure.locator(".moi-results [data-measure=mismatch_cost]")).to_have_text(wanted)
    figure.get_by_role("button", name="Together").click()
    gap = answer({"model": "seasonal_forecast", "values": {}, "compare": True})["comparison"]["gap"]
    expect(figure.locator(".moi-gap strong")).to_have_text(gap)
    expect(chapter.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']")).to_have_count(0)
