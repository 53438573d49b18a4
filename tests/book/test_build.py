"""A build of the book that fails says why, and says it last."""

from moi.book.build import main, reasons

PAGE = """---
jupytext:
  text_representation: {{extension: .md, format_name: myst}}
kernelspec: {{display_name: Python 3, language: python, name: python3}}
---
# A page

{}
"""


def test_a_cell_that_fails_is_shown_with_its_error(build_book):
    cell = "```{code-cell} python\ndef share(x):\n    return 1 / x\n\nshare(0)\n```"
    built = build_book(index=PAGE.format("Home."), bad=PAGE.format(cell))
    lines = reasons(built.said).splitlines()
    assert built.status != 0 and len(lines) < 40
    assert "bad.md: WARNING: Executing notebook failed" in lines[0]
    assert "share(0)" in lines and "ZeroDivisionError: division by zero" in lines[-3:]
    assert not any("site-packages" in line or "IPKernelApp" in line for line in lines)


def test_each_broken_link_is_a_line(build_book):
    built = build_book(index=PAGE.format("[One](nowhere.md) and {term}`nothing`."))
    lines = list(filter(None, reasons(built.said).splitlines()))
    assert built.status != 0
    assert [("nowhere.md" in line, "nothing" in line) for line in lines] == [(True, False), (False, True)]


def test_what_is_wrong_with_no_page_is_said_too(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main() != 0
    assert capfd.readouterr().err.endswith("Path 'book' does not exist.\n")
    assert reasons("Extension error:\nNo such file: katex.css\nTraceback (most recent call last):\n  x\n") == (
        "Extension error:\nNo such file: katex.css"
    )
