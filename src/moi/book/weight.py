"""What a page weighs: the bytes that its first visit fetches before Python starts, compressed as a server would."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import brotli

_PYTHON = ("/pyodide/", "/worker.js", "/models.zip", "/snapshot.")


def compressed(body: bytes) -> int:
    """Bytes on the wire: brotli at its best, or the body itself where that is smaller (images, fonts)."""
    return min(len(body), len(brotli.compress(body)))


def first_visit(page: Any, address: str) -> dict[str, int]:
    """Path to compressed bytes of everything that ``page`` (a fresh Playwright page) fetches to show ``address``.

    Python and what it computes with come later, when the page is idle: they are not counted.
    """
    fetched: dict[str, Any] = {}
    page.on("response", lambda response: fetched.setdefault(urlsplit(response.url).path, response))
    page.route(lambda url: any(part in url for part in _PYTHON), lambda route: route.abort())
    page.goto(address, wait_until="load")
    page.evaluate("() => document.fonts.ready.then(() => null)")
    page.wait_for_load_state("networkidle")
    return {path: compressed(response.body()) for path, response in fetched.items() if path and response.ok}
