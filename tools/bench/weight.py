"""What a first visit fetches: the page itself before Python starts, and Python beside it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser

from bench import MOVED, Row, Table, fresh_page
from moi.book.weight import compressed, first_visit

BUDGET = 350.0  # kB, for a chapter with one model


def measure(browser: Browser, site: str, work: Path, less: int) -> Table:
    """Bytes on the wire, brotli where it helps, of all that the browser asks for."""
    table = Table(
        "Page weight, first visit", "kB, brotli", "Ratio to the budget of 350 kB. Python comes when the page is idle."
    )
    budget = Row("budget", [BUDGET])
    for moved in MOVED:
        with fresh_page(browser) as page:
            fetched = first_visit(page, site + moved.page)
        table.add(f"{moved.page}: before Python", [sum(fetched.values()) / 1000], budget)
    with fresh_page(browser) as page:
        later: dict = {}
        page.on("response", lambda response: later.setdefault(urlsplit(response.url).path, response))
        page.goto(site + MOVED[0].page)
        page.wait_for_function("performance.getEntriesByName('moi-python-ready').length > 0")
        python = {path: response.body() for path, response in later.items() if path not in fetched}
    table.add("Python, beside it", [sum(map(compressed, python.values())) / 1000])
    return table
