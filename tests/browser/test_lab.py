"""JupyterLab with the course's settings: pages open as notebooks, and work outlives a Binder session."""

import json

from playwright.sync_api import expect

PAGE = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
# A page

```{code-cell}
6 * 7
```
"""


def test_page_opens_as_a_notebook_on_a_double_click_and_runs(lab, page):
    (lab.folder / "page.md").write_text(PAGE, "utf-8")
    notebook = lab.run_all(page, "page.md")
    expect(notebook.get_by_role("heading", name="A page")).to_be_visible()
    expect(notebook.locator(".jp-OutputArea-output")).to_have_text("42", timeout=60_000)


def test_work_kept_in_the_browser_comes_back_when_the_server_has_lost_it(lab, page):
    blank = {
        "cells": [
            {"cell_type": "code", "id": "answer", "source": "", "metadata": {}, "outputs": [], "execution_count": None}
        ],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    work = lab.folder / "work.ipynb"
    work.write_text(json.dumps(blank), "utf-8")

    page.goto(lab.url("work.ipynb"))
    cell = page.locator(".jp-CodeCell .cm-content")
    cell.click()
    page.keyboard.type("answer = 42")
    page.get_by_role("button", name="Save to browser storage").click()
    page.get_by_role("dialog").get_by_role("button", name="OK").click()

    # The next session starts from the repository again.
    work.write_text(json.dumps(blank), "utf-8")
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(lab.url("work.ipynb"))
    expect(cell).to_have_text("", timeout=60_000)
    page.get_by_role("button", name="Restore from browser storage").click()
    page.get_by_role("dialog").get_by_role("button", name="OK").click()
    expect(cell).to_have_text("answer = 42")
