"""What the measurements share: a table of timings with ratios, a Chromium, and a notebook opened in a Jupyter."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import chromium
from playwright.sync_api import Browser, Page, sync_playwright

from moi.book.serve import open_server

SCRIPT = (Path(__file__).parent / "in_page.js").read_text("utf-8")
QUIET = ("background-networking", "component-update", "gpu", "quic", "sync")


@dataclass(frozen=True)
class Row:
    """Repeated measurements of one thing; ``against`` is the row, if any, that its ratio is taken to."""

    label: str
    values: list[float]
    against: Row | None = None

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def high(self) -> float:
        """The 95th percentile: the smallest value that at least 95% of the values do not exceed."""
        ordered = sorted(self.values)
        return ordered[-(-95 * len(ordered) // 100) - 1]

    @property
    def ratio(self) -> float | None:
        return self.median / self.against.median if self.against else None


@dataclass
class Table:
    """Rows that belong together, in one unit, and what a reader must know to judge them."""

    title: str
    unit: str
    notes: str = ""
    rows: list[Row] = field(default_factory=list)

    def add(self, label: str, values: list[float], against: Row | None = None) -> Row:
        self.rows.append(Row(label, values, against))
        return self.rows[-1]

    def __str__(self) -> str:
        width = max(len(row.label) for row in self.rows)
        lines = [f"{self.title} ({self.unit})", f"{'':{width}}     n    median       95%    ratio"]
        for row in self.rows:
            ratio = "" if row.ratio is None else f"{row.ratio:9.3f}"
            high = "" if len(row.values) == 1 else f"{row.high:10,.1f}"
            lines.append(f"{row.label:{width}} {len(row.values):5} {row.median:9,.1f}{high:>10}{ratio}".rstrip())
        return "\n".join([*lines, self.notes] if self.notes else lines)

    def as_json(self) -> dict[str, Any]:
        rows = [
            {"label": r.label, "median": r.median, "p95": r.high, "ratio": r.ratio, "values": r.values}
            | ({"against": r.against.label} if r.against else {})
            for r in self.rows
        ]
        return {"title": self.title, "unit": self.unit, "notes": self.notes, "rows": rows}


@dataclass(frozen=True)
class Moved:
    """A model whose lever is moved: where it stands in the book, and the slider of ``interact`` that is the same."""

    model: str
    page: str
    lever: str
    slider: str  # as interact writes it
    plot: str  # the chart of the model's tables, as one would write it with matplotlib


MOVED = (
    Moved(
        "variety",
        "orientation/common-aims.html",
        "variants",
        "(1, 60)",
        """
    for side in ("revenue", "cost", "profit"):
        plt.plot([r["variants"] for r in t["curve"]], [r[side] for r in t["curve"]], label=side)
    plt.axvline(t["now"][0]["variants"], linestyle=":")
    plt.plot(t["now"][0]["variants"], t["now"][0]["profit"], "o")""",
    ),
    Moved(
        "seasonal_forecast",
        "planning/tactical-forecasting.html",
        "sales_adjustment",
        "(-0.3, 0.3, 0.01)",
        """
    plt.plot([r["period"] for r in t["recent"]], [r["actual"] for r in t["recent"]], label="sales")
    for line in ("statistical", "used"):
        plt.plot([r["period"] for r in t["forecast"]], [r[line] for r in t["forecast"]], label=line)""",
    ),
)


@contextmanager
def chromium_browser() -> Iterator[Browser]:
    """A Chromium that speaks to nobody by itself."""
    path = chromium.find()
    if path is None:
        raise SystemExit(chromium.ADVICE)
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        arguments = ["--no-first-run", *(f"--disable-{part}" for part in QUIET), *sandbox]
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@contextmanager
def fresh_page(browser: Browser) -> Iterator[Page]:
    """A page of a first visit, with the functions of ``in_page.js`` in its ``window.bench``."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(SCRIPT)
    page = context.new_page()
    page.set_default_timeout(180_000)
    yield page
    context.close()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serves ``folder`` on loopback; gives the address."""
    with open_server(folder, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def write_notebook(path: Path, text: str, kernel: str = "python3") -> None:
    """A notebook of one code cell; JupyterLite calls its kernel ``python``."""
    cell = {"cell_type": "code", "id": "model", "source": text, "metadata": {}, "outputs": [], "execution_count": None}
    about = {"kernelspec": {"display_name": "Python", "language": "python", "name": kernel}}
    notebook = {"cells": [cell], "metadata": about, "nbformat": 4, "nbformat_minor": 5}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), "utf-8")
