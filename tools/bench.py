"""Measures speed and page weight, each against an alternative in one run: ``tools/bench.py [SUBJECT …] [--json]``.

A report, not a test: nothing here passes or fails for being fast or slow. The exit status is 1 when something could
not be measured. JupyterLite is fetched once, with pip, into ``_build/bench``; all else comes with the course.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import Table, chromium_browser, grading, levers, opening, rebuilding, search, served, weight

SUBJECTS: dict[str, Callable[..., Table | list[Table]]] = {
    "levers": levers.measure,
    "opening": opening.measure,
    "rebuilding": rebuilding.measure,
    "weight": weight.measure,
    "search": search.measure,
    "grading": grading.measure,
}
MORE: dict[str, Callable[..., Table | list[Table]]] = {"thousand": grading.thousand}
WITHOUT_BOOK = {"grading", "thousand"}


def load() -> str:
    """How busy the machine is: the load average of the last minute, where the system has one."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def main(arguments: list[str] | None = None) -> int:
    """Measures and prints; returns the exit status."""
    parser = argparse.ArgumentParser(prog="tools/bench.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"any of {', '.join(SUBJECTS)} (default: all)")
    parser.add_argument("--html", type=Path, default=Path("_build/html"), help="the built book")
    parser.add_argument("--quick", action="store_true", help="a tenth of the repetitions: to try the benchmark itself")
    parser.add_argument("--thousand", action="store_true", help="grade a simulated thousand submissions as well")
    parser.add_argument("--json", action="store_true", help="print JSON, with every single value")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.subjects) - set(SUBJECTS):
        parser.error(f"no such subject: {', '.join(sorted(unknown))}")
    names = [*(chosen.subjects or SUBJECTS), *(["thousand"] if chosen.thousand else [])]
    in_book = not WITHOUT_BOOK.issuperset(names)
    if in_book and not (chosen.html / "index.html").is_file():
        parser.error(f"there is no book in {chosen.html}: run make html first")

    report: dict[str, object] = {"machine": f"{os.cpu_count()} processors, {platform.platform()}", "tables": []}
    failed = []
    if not chosen.json:
        print(report["machine"])
    with contextlib.ExitStack() as opened:
        work = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        browser = opened.enter_context(chromium_browser()) if in_book else None
        site = opened.enter_context(served(chosen.html)) if in_book else None
        for name in names:
            before = load()
            try:
                made = (SUBJECTS | MORE)[name](browser, site, work, 10 if chosen.quick else 1)
            except Exception as error:
                failed.append(name)
                print(f"\n{name}: could not be measured: {type(error).__name__}: {error}", file=sys.stderr)
                continue
            busy = [before, load()]
            for table in made if isinstance(made, list) else [made]:
                report["tables"].append({"subject": name, "load": busy, **table.as_json()})  # type: ignore
                if not chosen.json:
                    print(f"\n{table}\n(load average {busy[0]} before, {busy[1]} after)", flush=True)
    if chosen.json:
        print(json.dumps(report, indent=1))
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
