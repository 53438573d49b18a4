"""Building the book: all of it, and one page of it after a change."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser

from bench import Table

ROOT = Path(__file__).parents[2]
PAGE = "planning/tactical-forecasting.md"


def measure(browser: Browser, site: str, work: Path, less: int) -> Table:
    """In a copy of the book, with the command and the configuration of ``make html``."""
    copy = work / "copy"
    shutil.copytree(ROOT / "book", copy / "book")
    config = (ROOT / "_config.yml").read_text("utf-8")
    (copy / "_config.yml").write_text(config.replace("moi.book: src", f"moi.book: {ROOT / 'src'}"), "utf-8")
    page = copy / "book" / PAGE
    repeat = 1 if less > 1 else 3

    full, words, cells = [], [], []
    for n in range(repeat):
        shutil.rmtree(copy / "_build", ignore_errors=True)
        full.append(_build(copy))
        page.write_text(page.read_text("utf-8") + f"\nChanged {n} times.\n", "utf-8")
        words.append(_build(copy))
        page.write_text(page.read_text("utf-8") + f"\n```{{code-cell}} python\nchanged = {n}\n```\n", "utf-8")
        cells.append(_build(copy))

    table = Table(
        "Building the book",
        "s",
        f"The page is {PAGE}. A full build runs the cells of all pages and makes the snapshot of\n"
        "Python's memory; a page whose cells changed is run again, one whose words changed is not.\n"
        "Ratio to the full build.",
    )
    reference = table.add("full build", full)
    table.add("a sentence of one page changed", words, reference)
    table.add("a cell of one page changed", cells, reference)
    return table


def _build(copy: Path) -> float:
    command = [Path(sys.executable).parent / "jupyter-book", "build", copy / "book", "--config", copy / "_config.yml"]
    options = ["--toc", copy / "book" / "_toc.yml", "--path-output", copy, "-W", "-n", "--keep-going"]
    start = time.perf_counter()
    ended = subprocess.run([*command, *options], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    taken = time.perf_counter() - start
    if ended.returncode:
        raise RuntimeError(f"the book does not build:\n{(ended.stdout + ended.stderr)[-2000:]}")
    return taken
