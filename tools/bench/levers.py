"""From a lever moved to the chart redrawn: in the book's page, in JupyterLab, and with the customary interact."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser

from bench import MOVED, Table, fresh_page, write_notebook

MOVES = 50

INTERACT = """%matplotlib inline
import matplotlib.pyplot as plt
from ipywidgets import interact
from moi.models import get
def draw({lever}):
    t = get("{model}")({lever}={lever}).outcome().tables{plot}
    plt.legend()
    plt.show()
interact(draw, {lever}={slider});"""

EXPLORE = """from moi.explore import explore
explore("{model}")"""


def measure(browser: Browser, site: str, work: Path, less: int) -> Table:
    """Each model in each of the three, on fresh pages; the first moves warm up and are not counted."""
    count = MOVES // less
    table = Table(
        "Lever moved to chart redrawn",
        "ms",
        "Timed in the browser, from the event to the frame that shows the new state. Ratio to interact.",
    )
    folder = work / "lab"
    for moved in MOVED:
        write_notebook(folder / f"{moved.model}-interact.ipynb", INTERACT.format(**vars(moved)))
        write_notebook(folder / f"{moved.model}-explore.ipynb", EXPLORE.format(**vars(moved)))
    with _lab(folder, work / "home") as lab:
        for moved in MOVED:
            figure = f"await bench.explorer('{moved.model}', '{moved.lever}')"
            in_page = _times(browser, site + moved.page, figure, count)
            in_lab = _times(browser, lab(f"{moved.model}-explore.ipynb"), figure, count, run=True)
            customary = _times(browser, lab(f"{moved.model}-interact.ipynb"), "await bench.interact()", count, run=True)
            reference = table.add(f"{moved.model}: interact with matplotlib, JupyterLab", customary)
            table.add(f"{moved.model}: explorer, JupyterLab", in_lab, reference)
            table.add(f"{moved.model}: explorer, page of the book", in_page, reference)
    return table


def _times(browser: Browser, url: str, mover: str, count: int, run: bool = False) -> list[float]:
    with fresh_page(browser) as page:
        page.goto(url)
        start = "await bench.runAll();" if run else ""
        return page.evaluate(f"async () => {{ {start} return await bench.moves({mover}, {count}); }}")


@contextmanager
def _lab(folder: Path, home: Path) -> Iterator:
    """A JupyterLab on ``folder``; gives a function from a notebook's name to the address that opens it alone."""
    home.mkdir()
    token, runtime = secrets.token_hex(), home / "runtime"
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0", f"--IdentityProvider.token={token}"]
    environment = {**os.environ, "HOME": str(home), "JUPYTER_RUNTIME_DIR": str(runtime)}
    environment.pop("MOI_BOOK", None)
    with open(home / "log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter", "lab", *options, "--LabApp.expose_app_in_browser=True"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        give_up = time.monotonic() + 120
        while not (started := list(runtime.glob("jpserver-*.json"))):
            if process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"JupyterLab did not start:\n{(home / 'log').read_text()}")
            time.sleep(0.2)
        served = json.loads(started[0].read_text())["url"]
        yield lambda name: f"{served}lab/tree/{name}?reset&token={token}"
    finally:
        process.terminate()
        process.wait(30)
