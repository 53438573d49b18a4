"""Finds a Chromium for the browser tests; run as a program, it installs one where there is none and prints its path."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ADVICE = (
    "The browser tests need Chromium: install it (Debian: sudo apt install chromium; "
    "elsewhere: .venv/bin/playwright install chromium) or name one in CHROMIUM=/path/to/chromium."
)


def _of_playwright() -> Path:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path)


def _starts(path: str | Path) -> bool:
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def find() -> str | None:
    """Path of a Chromium that starts (``$CHROMIUM``, one on the path, Playwright's, macOS's Chrome), or None."""
    if named := os.environ.get("CHROMIUM"):
        return named if _starts(named) else None
    on_path = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    chrome = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
    return next((str(path) for path in (*on_path, _of_playwright(), chrome) if path and _starts(path)), None)


def install() -> None:
    """Installs Debian's Chromium where that is allowed, else Playwright's. Its output goes to standard error."""
    commands = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and os.geteuid() == 0:
        commands = [["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]]
    for command in commands:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, env=environment).returncode:
            return


def main() -> int:
    path = find()
    if path is None and "CHROMIUM" not in os.environ:
        print("No Chromium found: installing one", file=sys.stderr)
        install()
        path = find()
    print(path or ADVICE, file=sys.stdout if path else sys.stderr)
    return 0 if path else 1


if __name__ == "__main__":
    raise SystemExit(main())
