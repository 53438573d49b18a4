"""The book's own server: loopback only, the next port if one is taken, and types that browsers accept."""

import threading
import urllib.request

import pytest

from moi.book.serve import main, open_server


@pytest.fixture
def site(tmp_path):
    for name in ("index.html", "worker.mjs", "solver.wasm", "data.json"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", "text/html"),
        ("worker.mjs", "text/javascript"),
        ("solver.wasm", "application/wasm"),
        ("data.json", "application/json"),
    ],
)
def test_types(site, name, expected):
    with open_server(site, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/{name}") as answer:
            assert answer.headers.get_content_type() == expected
        server.shutdown()


def test_loopback_only_and_next_port_when_taken(site):
    with open_server(site, 0) as first, open_server(site, first.server_port) as second:
        assert first.server_address[0] == second.server_address[0] == "127.0.0.1"
        assert second.server_port > first.server_port


def test_without_a_book_says_how_to_build_one(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path / "nothing")])
    assert stopped.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "make html" in line
