"""From opening a page to the first lever answered: the book's page against the same model in JupyterLite."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from playwright.sync_api import Browser

from bench import MOVED, Table, fresh_page, served, write_notebook

VISITS = 5
ROOT = Path(__file__).parents[2]
KEPT = ROOT / "_build" / "bench"
JUPYTERLITE = ("jupyterlite-core[contents]==0.8.6", "jupyterlite-pyodide-kernel==0.8.6", "jupyterlab_widgets==3.0.17")
# What JupyterLite's kernel loads of the Pyodide distribution, which the npm package holds without its wheels …
DISTRIBUTION = (
    *("asttokens", "decorator", "executing", "ipython", "jedi", "matplotlib-inline", "micropip", "parso"),
    *("prompt-toolkit", "pure-eval", "pygments", "six", "stack-data", "traitlets", "wcwidth"),
)
# … and what else the notebook needs.
WHEELS = ("ipywidgets==8.1.9", "comm==0.2.3", "jupyterlab_widgets==3.0.17")
KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel"

NOTEBOOK = """import piplite
await piplite.install("ipywidgets")
await piplite.install("moi", deps=False)
from ipywidgets import interact
from moi.models import get
def draw({lever}):
    print(get("{model}")({lever}={lever}).outcome().summary)
interact(draw, {lever}={slider});"""


def measure(browser: Browser, site: str, work: Path, less: int) -> Table:
    """Every visit is a first one, in a context of its own, from the start of the navigation."""
    table = Table(
        "Page opened to first lever answered, first visit",
        "ms",
        "On loopback, with no time for a reader's hand: the lever is moved as soon as there is one. JupyterLite is\n"
        "served from this machine too, in its light notebook interface; its cells are run by command at once. There\n"
        "it prints a sentence and draws nothing, since matplotlib for Pyodide is in no package index: on the page the\n"
        "chart is redrawn. Both differences favour JupyterLite. Ratio to JupyterLite.",
    )
    with served(_jupyterlite(work)) as lite:
        for moved in MOVED:
            figure = f"await bench.explorer('{moved.model}', '{moved.lever}')"
            lite_url = f"{lite}notebooks/index.html?path={moved.model}.ipynb"
            here, there = [], []
            # In turn, so that a busy minute of the machine meets both.
            for _ in range(max(VISITS // less, 1)):
                there.append(_first_answer(browser, lite_url, "await bench.interact()", "await bench.runAll();"))
                here.append(_first_answer(browser, site + moved.page, figure))
            reference = table.add(f"{moved.model}: JupyterLite", there)
            table.add(f"{moved.model}: page of the book", here, reference)
    return table


def _first_answer(browser: Browser, url: str, mover: str, start: str = "") -> float:
    with fresh_page(browser) as page:
        page.goto(url, wait_until="commit")
        # The browser's clock starts with the navigation.
        return page.evaluate(f"async () => {{ {start} await ({mover})(); return performance.now(); }}")


def _jupyterlite(work: Path) -> Path:
    """The folder of a JupyterLite that asks no other host: Pyodide from node_modules, wheels fetched once with pip."""
    python = KEPT / "venv" / "bin" / "python"
    lock = json.loads((ROOT / "node_modules/pyodide/pyodide-lock.json").read_text("utf-8"))
    if not (KEPT / "fetched").exists():
        venv.create(KEPT / "venv", with_pip=True)
        _run(python, "-m", "pip", "install", "-q", *JUPYTERLITE)
        download = (sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:")
        versions = {name.replace("_", "-"): entry["version"] for name, entry in lock["packages"].items()}
        distribution = [f"{name}=={versions[name]}" for name in DISTRIBUTION]
        _run(*download, "--python-version", lock["info"]["python"], "-d", KEPT / "distribution", *distribution)
        _run(*download, "-d", KEPT / "wheels", *WHEELS)
        (KEPT / "fetched").touch()

    lite = work / "lite"
    pyodide = lite / "static" / "pyodide"
    shutil.copytree(ROOT / "node_modules" / "pyodide", pyodide, ignore=shutil.ignore_patterns("*.map", "*.html"))
    shutil.copytree(KEPT / "distribution", pyodide, dirs_exist_ok=True)
    # The package index holds the same releases, packed by someone else.
    for entry in lock["packages"].values():
        wheel = pyodide / entry["file_name"]
        if wheel.exists():
            entry["sha256"] = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (pyodide / "pyodide-lock.json").write_text(json.dumps(lock), "utf-8")
    shutil.copytree(KEPT / "wheels", lite / "pypi")
    _run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", lite / "pypi", ROOT)
    settings = {"exposeAppInBrowser": True, "litePluginSettings": {KERNEL: {"disablePyPIFallback": True}}}
    (lite / "jupyter-lite.json").write_text(
        json.dumps({"jupyter-lite-schema-version": 0, "jupyter-config-data": settings}), "utf-8"
    )
    for moved in MOVED:
        write_notebook(lite / "files" / f"{moved.model}.ipynb", NOTEBOOK.format(**vars(moved)), "python")
    _run(python, "-m", "jupyterlite_core", "build", "--contents", "files", "--output-dir", "site", cwd=lite)
    return lite / "site"


def _run(*command: object, cwd: Path | None = None) -> None:
    ended = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    if ended.returncode:
        raise RuntimeError(f"{' '.join(map(str, command[:5]))} … failed:\n{(ended.stdout + ended.stderr)[-2000:]}")
