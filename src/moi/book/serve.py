"""Serves a built book on this machine alone: ``python -m moi.book.serve [FOLDER] [--port PORT]``."""

from __future__ import annotations

import argparse
import os
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TRIED_PORTS = 100


class _Server(ThreadingHTTPServer):
    # On Windows this option would let two servers share one port.
    allow_reuse_address = os.name != "nt"


class _Handler(SimpleHTTPRequestHandler):
    # Some systems map these otherwise, and a browser refuses modules and WebAssembly of the wrong type.
    extensions_map = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".css": "text/css",
        ".js": "text/javascript",
        ".json": "application/json",
        ".mjs": "text/javascript",
        ".svg": "image/svg+xml",
        ".wasm": "application/wasm",
        ".woff2": "font/woff2",
    }

    def end_headers(self) -> None:
        # A rebuilt page shows at the next reload.
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def open_server(folder: str | Path, port: int = 8000) -> ThreadingHTTPServer:
    """A server for ``folder`` on 127.0.0.1, listening but not yet serving: call ``serve_forever``.

    ``port`` 0 takes any free port; if another is taken, the next free one is used (``server_port`` tells which).
    Raises ``FileNotFoundError`` when there is no such folder and ``OSError`` when no port is free.
    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"there is no folder {folder}: build the book first (make html)")
    handler = partial(_Handler, directory=str(folder))
    for candidate in range(port, min(port + TRIED_PORTS, 65_536)):
        try:
            return _Server(("127.0.0.1", candidate), handler)
        except OSError:
            continue
    raise OSError(f"no free port from {port} on: choose another with --port")


def main(arguments: list[str] | None = None) -> int:
    """Serves until Ctrl-C; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m moi.book.serve", description="Serve the built book on this machine."
    )
    parser.add_argument("folder", nargs="?", default="_build/html", help="default: _build/html")
    parser.add_argument("--port", type=int, default=8000, help="first port to try (default: 8000)")
    chosen = parser.parse_args(arguments)
    try:
        server = open_server(chosen.folder, chosen.port)
    except OSError as error:
        parser.exit(1, f"{error}\n")
    with server:
        print(f"The book is at http://127.0.0.1:{server.server_port}/ (stop with Ctrl-C)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
