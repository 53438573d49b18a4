"""What the browser tests share: one Chromium, the built book, and one JupyterLab as Binder would start it."""

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import chromium
import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from moi.book.serve import open_server

# A busy machine may take its time to start Python: nothing here is a test of speed.
expect.set_options(timeout=60_000)

QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="session")
def browser():
    """A Chromium that speaks to nobody by itself. Without one the tests fail: they are not skipped."""
    path = chromium.find()
    if path is None:
        pytest.fail(chromium.ADVICE)
    # A container's root has no sandbox.
    sandbox = ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=[*QUIET, *sandbox])
        yield running
        running.close()


@pytest.fixture
def page(browser):
    """A page in a fresh browser context."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    # A busy machine may take its time to start JupyterLab or Python.
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def site(html):
    """The address of the built book, served under a sub-path as project sites are."""
    with open_server(html.parent, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{html.name}/"
        server.shutdown()


@pytest.fixture(scope="session")
def pages(html):
    """Every page of the built book, by its path in it: ``index.html``, ``planning/….html``."""
    found = [path.relative_to(html).as_posix() for path in html.rglob("*.html")]
    return sorted(page for page in found if not page.startswith("_"))


@pytest.fixture
def reader(browser, site):
    """``reader(**context options)`` opens a page for a reader; the test fails if that page asks any other host."""
    contexts, outside = [], []

    def note(request):
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != urlsplit(site).netloc:
            outside.append(request.url)

    def open_page(**options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(60_000)
        context.on("request", note)
        contexts.append(context)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()
    assert outside == []


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """JupyterLab in an empty folder: ``lab.folder`` is the folder, ``lab.url(path)`` the address that opens a file."""
    home = tmp_path_factory.mktemp("lab")
    server = Lab(home)
    yield server
    server.stop()


class Lab:
    """A JupyterLab of this environment, on loopback, with a home folder of its own."""

    def __init__(self, home: Path):
        self.folder = home / "course"
        self.folder.mkdir()
        self._token = secrets.token_hex()
        runtime = home / "runtime"
        environment = {
            **os.environ,
            "HOME": str(home),
            "JUPYTER_RUNTIME_DIR": str(runtime),
            # What Binder sets, and the buttons that keep a learner's work look for.
            "BINDER_REPO_URL": "http://127.0.0.1/course",
        }
        options = [
            "--no-browser",
            "--allow-root",
            "--ip=127.0.0.1",
            "--port=0",
            f"--IdentityProvider.token={self._token}",
        ]
        with open(home / "log", "wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyter", "lab", *options],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        give_up = time.monotonic() + 60
        while not (started := list(runtime.glob("jpserver-*.json"))):
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.stop()
                pytest.fail(f"JupyterLab did not start:\n{(home / 'log').read_text()}")
            time.sleep(0.2)
        self._address = json.loads(started[0].read_text())["url"]

    def url(self, path: str = "") -> str:
        """The address that opens ``path`` (from ``folder``) in a JupyterLab with nothing else open."""
        return f"{self._address}lab{path and f'/tree/{path}'}?reset&token={self._token}"

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)

    def run_all(self, page: Page, name: str) -> Locator:
        """Open ``name`` by a double click in the file browser and run it from top to bottom; its panel."""
        page.goto(self.url())
        page.locator(".jp-DirListing-item", has_text=name).dblclick()
        notebook = page.locator(".jp-NotebookPanel")
        # A kernel that is told to restart while it starts may lose every cell it was sent. The notebook's own
        # indicator says idle even before there is a kernel; the status bar does not.
        expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle")
        notebook.get_by_role("button", name="Restart the kernel and run all cells").click()
        page.get_by_role("dialog").get_by_role("button", name="Confirm Kernel Restart").click()
        return notebook
