"""Cleaning of outputs and Markdown: honest ones stay as they were, junk never breaks it, all has a limit."""

from __future__ import annotations

import base64
import io
import json
import math
from typing import Any

import matplotlib
import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from hypothesis import given, strategies
from nbconvert.filters.ansi import ansi2html
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.utils import determine_grade
from PIL import Image

from moi.grading import clean
from moi.grading.clean import clean_attachments, clean_html, clean_markdown, clean_outputs, clean_raw, clean_text

matplotlib.use("agg")


def valid(outputs: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    """The outputs, which nbformat takes and a file can hold."""
    notebook = new_notebook(cells=[new_code_cell("x", outputs=[nbformat.from_dict(output) for output in outputs])])
    nbformat.validate(notebook)
    json.dumps(notebook, ensure_ascii=False, allow_nan=False).encode("utf-8")
    return outputs


def display(data: Any, metadata: Any = None) -> dict[str, Any]:
    return {"output_type": "display_data", "data": data, "metadata": metadata or {}}


def one(data: Any, metadata: Any = None) -> dict[str, Any]:
    (output,) = valid(clean_outputs([display(data, metadata)]))
    return output


def picture(kind: str = "png", mode: str = "RGB", size: tuple[int, int] = (9, 7)) -> str:
    into = io.BytesIO()
    drawn = Image.effect_noise(size, 80) if mode == "noise" else Image.new(mode, size)
    drawn.save(into, kind)
    return base64.b64encode(into.getvalue()).decode()


# --- outputs


def test_ordinary_outputs_stay_as_they_are() -> None:
    outputs = [
        {
            "output_type": "stream",
            "name": "stdout",
            "text": "a < b & \x1b[1;31mred\x1b[0m \x1b[38;5;241mgrey\x1b[39m\n",
        },
        {"output_type": "stream", "name": "stderr", "text": "late\n"},
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["one", "two"]},
        display({"text/plain": "<Figure>"}),
        {"output_type": "execute_result", "data": {"text/plain": "0.5"}, "metadata": {}, "execution_count": 3},
    ]
    assert list(valid(clean_outputs(outputs))) == outputs


def test_nbgraders_grade_is_the_same_after_cleaning() -> None:
    result = {"output_type": "execute_result", "data": {"text/plain": "1.5"}, "metadata": {}, "execution_count": 1}
    cell = new_code_cell("x", outputs=[nbformat.from_dict(output) for output in clean_outputs([result])])
    cell.metadata["nbgrader"] = {"grade": True, "solution": False, "points": 2, "grade_id": "x"}
    assert determine_grade(cell) == (1.5, 2)


def test_table_of_pandas_stays() -> None:
    frame = pd.DataFrame({"units": [1, 2.5], "who": ["x", "a<b"]})
    page = one({"text/html": frame._repr_html_(), "text/plain": str(frame)})["data"]["text/html"]
    rows = [
        [cell.text for cell in row.find_all(["th", "td"])] for row in BeautifulSoup(page, "html.parser").find_all("tr")
    ]
    assert rows == [["", "units", "who"], ["0", "1.0", "x"], ["1", "2.5", "a<b"]]
    assert 'class="dataframe"' in page and "<style" not in page


def test_styler_keeps_its_colours() -> None:
    styler = pd.DataFrame({"units": [1, 2]}).style.set_uuid("abc").highlight_max(color="yellow").bar()
    page = clean_html(styler.to_html())
    assert "#moi-T_abc_row1_col0 {background-color: yellow" in page and "linear-gradient(" in page
    assert 'id="moi-T_abc_row1_col0"' in page
    assert clean_html(page) == page


def test_html_nested_without_end_gives_way_to_its_text() -> None:
    assert one({"text/html": "<div>" * 10_000, "text/plain": "x"})["data"] == {"text/plain": "x"}


def test_style_sheet_says_nothing_of_the_rest_of_the_page() -> None:
    rules = "body{color:red} #T_a, .score{color:red} #T_a{position:fixed} #T_b{color:red;width:expression(x)}"
    assert clean_html(f"<style>{rules}</style>x") == "<style>#moi-T_b {color: red}</style>x"


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_figure_stays_with_its_size(kind: str) -> None:
    sizes = {f"image/{kind}": {"width": 9, "height": math.nan}, "alt": "x"}
    made = one({f"image/{kind}": picture(kind), "text/plain": "<Figure>"}, sizes)
    with Image.open(io.BytesIO(base64.b64decode(made["data"][f"image/{kind}"]))) as read:
        assert (read.format, read.size) == (kind.upper(), (9, 7))
    assert made["metadata"] == {f"image/{kind}": {"width": 9}}


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_figure_of_any_mode_stays(mode: str) -> None:
    assert "image/png" in one({"image/png": picture(mode=mode)})["data"]


def test_pixels_stay_and_what_follows_them_goes() -> None:
    before = Image.effect_noise((20, 20), 80).convert("RGBA")
    into = io.BytesIO()
    before.save(into, "png")
    tail = base64.b64encode(into.getvalue() + b"<script>").decode()
    raw = base64.b64decode(one({"image/png": tail})["data"]["image/png"])
    with Image.open(io.BytesIO(raw)) as after:
        assert after.tobytes() == before.tobytes() and b"script" not in raw


@pytest.mark.parametrize(
    "data",
    ["x", "", '"><b>', 3, None, [1], base64.b64encode(b"GIF89a").decode(), picture("jpeg"), picture()[:60]],
    ids=repr,
)
def test_what_is_no_picture_gives_way_to_its_text(data: Any) -> None:
    assert one({"image/png": data, "text/plain": "a figure"})["data"] == {"text/plain": "a figure"}


def test_huge_picture_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    big = picture(size=(clean.PIXELS // 1000 + 1, 1000), mode="1")
    assert "image/png" not in one({"image/png": big, "text/plain": "x"})["data"]


def test_pictures_are_drawn_as_long_as_a_notebook_has_pixels_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "DRAWN", 3 * 9 * 7)
    canvas, shown = clean.Canvas(), []
    in_html = display({"text/html": f'<img src="data:image/png;base64,{picture()}">'})
    for output in (display({"image/png": picture()}), in_html, display({"image/png": picture()}), in_html):
        shown += [
            str(made["data"]).count("base64") + ("image/png" in made["data"])
            for made in clean_outputs([output], canvas=canvas)
        ]
    assert shown == [1, 1, 1, 0]


def test_a_jpeg_that_goes_over_itself_again_and_again_is_not_drawn() -> None:
    raw = base64.b64decode(picture("jpeg"))
    scans = raw[:-2] + b"\xff\xda" * clean.SCANS + raw[-2:]
    assert one({"image/jpeg": picture("jpeg"), "text/plain": "x"})["data"].keys() == {"image/jpeg", "text/plain"}
    assert one({"image/jpeg": base64.b64encode(scans).decode(), "text/plain": "x"})["data"] == {"text/plain": "x"}


def test_svg_becomes_a_picture_in_which_nothing_runs() -> None:
    drawing = '<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "a" "b">\n<svg xmlns="http://www.w3.org/2000/svg"/>'
    page = one({"image/svg+xml": drawing})["data"]["text/html"]
    assert page.startswith('<img src="data:image/svg+xml;base64,') and clean_html(page) == page
    bomb = '<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg>&a;</svg>'
    assert one({"image/svg+xml": bomb, "text/plain": "x"})["data"] == {"text/plain": "x"}


@pytest.mark.parametrize(
    "kind", ["application/javascript", "application/vnd.jupyter.widget-view+json", "application/pdf"]
)
def test_other_kinds_give_way_to_their_text(kind: str) -> None:
    assert one({kind: "x", "text/plain": "a slider"})["data"] == {"text/plain": "a slider"}
    assert kind in one({kind: "x"})["data"]["text/plain"]


def test_only_the_judge_marks_what_is_for_the_instructor() -> None:
    marked = display({"text/plain": "x"}, {"moi": {"for": "instructor"}, "other": 1})
    assert valid(clean_outputs([marked]))[0]["metadata"] == {}
    assert valid(clean_outputs([marked], ours=True))[0]["metadata"] == {"moi": {"for": "instructor"}}


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("10%\r20%\r30%\ndone\r\n", "30%\ndone\n"),
        ("a\x00b\x07c\x9bd\u202ee\ud800f", "abcdef".replace("f", "\ufffdf")),
        ("\x1b]0;title\x07a\x1b[2Jb\x1b[38mc\x1b[999mxd\x1b[31me\x1b", "abc" + "xd\x1b[31me"),
        (["a", 1, "b"], "ab"),
        (7, ""),
    ],
)
def test_text_loses_what_no_page_can_show(written: Any, shown: str) -> None:
    assert clean_text(written) == shown
    ansi2html(shown)


def test_colours_that_break_nbconvert_are_gone() -> None:
    breaks = "\x1b[38m x"
    with pytest.raises(IndexError):
        ansi2html(breaks)
    ansi2html(clean_text(breaks))


def limited(outputs: Any) -> tuple[dict[str, Any], ...]:
    """The outputs cleaned; cleaning them again changes nothing, so that each page says the same."""
    made = valid(clean_outputs(outputs))
    assert clean_outputs(list(made)) == made
    return made


def test_limits_are_told() -> None:
    (flood,) = limited([{"output_type": "stream", "name": "stdout", "text": "x" * (clean.TEXT + 1234)}])
    assert flood["text"].endswith("[cut here: 1,314 more characters are not shown]")
    many = limited([display({"text/plain": "x"})] * 5000)
    assert len(many) == clean.OUTPUTS and "4,901 more outputs are not shown" in many[-1]["text"]
    long = limited([display({"text/plain": "x" * clean.TEXT})] * 50)
    assert sum(len(str(output)) for output in long) < 2 * clean.TEXTS and "too long" in long[-1]["text"]
    (deep,) = limited([{"output_type": "error", "ename": "E", "evalue": "", "traceback": ["x"] * 9999}])
    assert len(deep["traceback"]) < clean.LINES and "9,901 lines are not shown" in deep["traceback"][49]


def test_prints_of_a_loop_are_one_output() -> None:
    lines = [{"output_type": "stream", "name": "stdout", "text": f"{n}\n"} for n in range(1000)]
    (joined,) = valid(clean_outputs(lines))
    assert joined["text"].splitlines() == [str(n) for n in range(1000)]


def test_prints_with_nothing_to_be_seen_between_them_are_one_output() -> None:
    line = {"output_type": "stream", "name": "stdout", "text": "x"}
    assert [made["text"] for made in limited([line, display({}), line])] == ["xx"]


class Hostile(dict):  # type: ignore[type-arg]
    def get(self, *_: Any) -> Any:
        raise RuntimeError


@pytest.mark.parametrize(
    "junk",
    [
        None,
        7,
        "text",
        {"a": 1},
        [None, 1, "x", [], {}, Hostile(), Hostile(output_type="stream")],
        [{"output_type": "stream"}, {"output_type": "stream", "name": [], "text": {}}, {"output_type": ["stream"]}],
        [{"output_type": "error", "ename": 1, "evalue": None, "traceback": "x"}],
        [{"output_type": "error", "traceback": [1, None, ["x"], "\ud800"]}],
        [display(None), display([]), display({1: 2, None: "x"}), display({"text/plain": None}, [1])],
        [display({"image/png": picture()}, {"image/png": {"width": math.inf, "height": -1}})],
        [display({"image/png": picture()}, {"width": "1 onload=x", "height": True})],
        [{"output_type": "execute_result", "data": {"text/plain": "x"}, "execution_count": "1"}],
        [{"output_type": "update_display_data", "data": {"text/plain": "x"}}],
    ],
    ids=repr,
)
def test_junk_never_raises(junk: Any) -> None:
    valid(clean_outputs(junk))


JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.floats() | strategies.text(max_size=20),
    lambda inner: strategies.lists(inner, max_size=4) | strategies.dictionaries(strategies.text(max_size=9), inner),
    max_leaves=8,
)
KINDS = strategies.sampled_from(["stream", "error", "display_data", "execute_result", "x"])
MIMES = strategies.sampled_from(
    ["text/plain", "text/html", "image/png", "image/svg+xml", "text/latex", "text/markdown"]
)
OUTPUT = strategies.fixed_dictionaries(
    {"output_type": KINDS},
    optional={
        "name": JSON,
        "text": JSON,
        "data": strategies.dictionaries(MIMES, JSON) | JSON,
        "metadata": JSON,
        "traceback": JSON,
        "execution_count": JSON | strategies.integers(),
    },
)


@given(strategies.lists(OUTPUT | JSON, max_size=5))
def test_anything_becomes_valid_outputs(outputs: Any) -> None:
    once = valid(clean_outputs(outputs))
    assert valid(clean_outputs(list(once))) == once


# --- Markdown

HONEST = {
    "prose": "# Judgement\n\nAs a < b and b > c, *so* **it** is; 3 < 4 & \"x\" 'y' &nbsp; ~~no~~\n\nNext\n====\n",
    "maths": "$a<b$, $$\n\\frac{a<b}{c}\n$$\n\n\\begin{align}a&<b\\\\c&>d\\end{align} costs $5 and $6",
    "code": "```python\nif a < b: print('<b>', \"<script>\")\n```\n\n~~~\n<b>\n~~~\n\n    <i>\n\n`<x>` ``a ` <b>``",
    "table": "| a | b |\n|:--|--:|\n| 1 | `<x>` |\n| 2 | $x<y$ |",
    "links": "<https://a.example/?a=1&b=2> https://a.example [x](https://a.example 'title') [m](mailto:a@b.example)",
    "within": "[up](#judgement) [data](data.csv) [r][one]\n\n[one]: https://example.org",
    "lists": "- [x] done\n- [ ] open\n\n3. three\n4. four\n\n> quoted\n> > twice\n\nterm\n: meaning",
    "tags": "H<sub>2</sub>O<br>x<sup>2</sup> <b>bold</b>\n\n<details><summary>more</summary>\n\ntext\n\n</details>",
    "diagram": "```mermaid\ngraph TD; A-->B\n```",
    "picture": f"![a curve](data:image/png;base64,{picture()})",
    "words": "C:\\data\\url is a folder? No: `C:\\data`.".replace("\\data\\url", "\\files\\x"),
    "other": "Größe 日本語 🙂 עברית\n\n---\n\nline  \nbreak\\\nhere",
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_text_stays_exactly(name: str) -> None:
    assert clean_markdown(HONEST[name], names={"judgement", "check-it"}) == HONEST[name]


def test_cells_of_the_courses_own_assignments_stay_exactly() -> None:
    from moi.grading.demo_class import read_notebook
    from moi.grading.exercises import ROOT, assignments

    for name in assignments():
        cells = read_notebook(ROOT / "solutions" / name).cells
        names = {cell.metadata.nbgrader.grade_id for cell in cells if "nbgrader" in cell.metadata}
        texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
        assert [clean_markdown(text, names=names) for text in texts] == texts


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("![plan](http://a.example/x.png) and more", "[plan](http://a.example/x.png) and more"),
        ("![](http://a.example/x.png)", "[picture](http://a.example/x.png)"),
        ("a <img src=x> $a<b$ `<b>` <https://b.example>", "a &lt;img src=x> $a<b$ `<b>` <https://b.example>"),
        ("[x](javascript:y) then [z](https://b.example)", "[x]\\(javascript:y) then [z](https://b.example)"),
        ("</div></div>x", "&lt;/div>&lt;/div>x"),
        ("# check-it", "# check-it\u2060"),
        ("- # check-it", "- # check-it\u2060"),
        ("check-it\n--------", "check-it\u2060\n--------"),
        ('<h1 id="check-it">x</h1>', '&lt;h1 id="check-it">x&lt;/h1>'),
        ("$\\href{javascript:x}{y}$", "$\\\u2060href{javascript:x}{y}$"),
        ("text \ud800\x00", "text \ufffd"),
    ],
)
def test_little_is_changed_where_something_must_be(written: str, read: str) -> None:
    assert clean_markdown(written, names={"check-it"}) == read


def test_headings_take_no_name_that_a_cell_may_have() -> None:
    assert clean_markdown("# check") == "# check\u2060"
    assert clean_markdown("# Two words!") == "# Two words!"


def test_last_resort_is_the_text_as_it_was_typed() -> None:
    for headings in ("a\n=\n" * 5000, "# a\n" * 5000):
        assert clean_markdown(headings) == f"```\n{headings}\n```"
    tangled = "[" * 5000 + "```"
    assert clean_markdown(tangled) == f"````\n{tangled}\n````"


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp"])
def test_attached_pictures_stay_byte_for_byte(kind: str) -> None:
    given = {"a.x": {f"image/{kind}": picture(kind)}}
    assert clean_attachments(given) == given
    wrapped = "\n".join(picture(kind)[at : at + 20] for at in range(0, len(picture(kind)), 20))
    assert clean_attachments({"a.x": {f"image/{kind}": wrapped.splitlines(keepends=True)}}) == given
    page = BeautifulSoup(clean.render("![x](attachment:a.x)", clean_attachments(given)), "html.parser")
    assert page.find("img")["src"] == f"data:image/{kind};base64,{picture(kind)}"


SVG = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


@pytest.mark.parametrize(
    "attachments",
    [
        None,
        [],
        "a.png",
        {"a.png": picture()},
        {"a.png": None},
        {"a.png": {"image/png": {"image/png": picture()}}},
        {"a.png": {"image/png": 5}},
        {"a.png": {"image/png": [5]}},
        {"a.png": {"image/png": "not base64"}},
        {"a.png": {"image/png": picture()[:-1]}},
        {"a.png": {"image/png": base64.b64encode(b"<script>alert(1)</script>").decode()}},
        {"a.png": {"image/png": base64.b64encode(b"\x89PNG\r\n\x1a\n<script>alert(1)</script>").decode()}},
        {"a.png": {"image/png": picture("jpeg")}},
        {"a.png": {"image/png": base64.b64encode(SVG.encode()).decode()}},
        {"a.svg": {"image/svg+xml": SVG}},
        {"a.svg": {"image/svg+xml": base64.b64encode(SVG.encode()).decode()}},
        {"a.html": {"text/html": picture()}},
        {"a.bmp": {"image/bmp": picture("bmp")}},
        {"../a.png": {"image/png": picture()}},
        {"/a.png": {"image/png": picture()}},
        {"..\\a.png": {"image/png": picture()}},
        {'"><script>.png': {"image/png": picture()}},
        {"a&b.png": {"image/png": picture()}},
        {"a\n.png": {"image/png": picture()}},
        {"a\0.png": {"image/png": picture()}},
        {"\ud800.png": {"image/png": picture()}},
        {"": {"image/png": picture()}},
        {"a" * 151: {"image/png": picture()}},
        {3: {"image/png": picture()}},
    ],
    ids=lambda given: repr(given)[:60],
)
def test_attachments_that_are_no_plain_pictures_are_left_out(attachments: Any) -> None:
    assert clean_attachments(attachments) == {}


def test_attachments_have_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, most in (("PASTED", len(picture()) * 3 // 4 - 3), ("PASTED_PIXELS", 9 * 7 - 1)):
        with monkeypatch.context() as patch:
            patch.setattr(clean, name, most)
            assert clean_attachments({"a.png": {"image/png": picture()}}) == {}
    many = {f"{n}.png": {"image/png": picture()} for n in range(clean.MOST_PASTED + 1)}
    assert len(clean_attachments(many)) == clean.MOST_PASTED


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a.png", "![x](attachment:a.png)"),
        ("a.png", '![x](attachment:a.png "title")'),
        ("Bild größer.png", "![](<attachment:Bild größer.png>)"),
        ("Screenshot at 10.12\u202fAM.png", "![](attachment:Screenshot%20at%2010.12%E2%80%AFAM.png)"),
        ("a (1).png", "![](<attachment:a (1).png>)"),
    ],
)
def test_attached_pictures_are_found_by_ordinary_names(name: str, written: str) -> None:
    pictures = clean_attachments({name: {"image/png": picture()}})
    assert clean_markdown(written, pictures) == written
    # What has to be changed beside it changes nothing of it.
    for other in (" <script>", " [y](javascript:z)", " ![](http://a.example/x)"):
        page = BeautifulSoup(clean.render(clean_markdown(written + other, pictures), pictures), "html.parser")
        assert [shown["src"] for shown in page.find_all("img")] == [f"data:image/png;base64,{picture()}"]


@pytest.mark.parametrize("kind", ["png", "gif", "svg+xml", "bmp"])
def test_what_is_no_picture_is_not_shown_as_one_in_a_text(kind: str) -> None:
    data = base64.b64encode(SVG.encode()).decode()
    assert "<img" not in clean.render(clean_markdown(f"![x](data:image/{kind};base64,{data})"))


def test_a_picture_that_is_not_there_costs_the_others_nothing() -> None:
    pictures = clean_attachments({"a.png": {"image/png": picture()}})
    made = clean_markdown("![](attachment:a.png) ![x](attachment:b.png) ![](http://a.example/x.png)", pictures)
    assert made == "![](attachment:a.png) *(A picture that cannot be shown.)* [picture](http://a.example/x.png)"


@pytest.mark.parametrize(
    "text",
    [
        "![](attachment:a.png)" * 1000,
        "![a]" * 1000 + "\n\n[a]: attachment:a.png",
        "![a]" * 1000 + f"\n\n[a]: data:image/png;base64,{picture(size=(200, 200), mode='noise')}",
        "[a] " * 1000 + "\n\n[a]: https://a.example/" + "x" * 50_000,
        "[a] " * 1000 + "\n\n[a]: https://a.example/ '" + "x" * 50_000 + "'",
    ],
    ids=["attached", "named once", "in the text", "address", "title"],
)
def test_no_page_is_many_times_as_long_as_what_it_is_made_of(text: str) -> None:
    pictures = clean_attachments({"a.png": {"image/png": picture(size=(200, 200), mode="noise")}})
    assert len(clean.render(clean_markdown(text, pictures), pictures)) < 1_000_000
    twice = "![](attachment:a.png) and ![](attachment:a.png)"
    assert clean_markdown(twice, pictures) == twice


def test_raw_cells_hold_no_tags() -> None:
    assert "<" not in clean_raw("<div id=x>") and clean_raw(7) == ""


PIECES = strategies.sampled_from(
    [
        "<",
        ">",
        "`",
        "```\n",
        "$",
        "$$",
        "[x]",
        "(javascript:a)",
        "!",
        "\n",
        "\n\n",
        "<!--",
        "-->",
        "<script>",
        "\\",
        "| a |\n|--|\n",
    ]
    + [
        "<img src=x onerror=a>",
        "<b>",
        "</b>",
        "</div>",
        "# check",
        "files/",
        '"',
        "'",
        "&lt;",
        "    ",
        "- ",
        "> ",
        "a",
        "~~~\n",
    ]
    + [
        "[x]: javascript:a\n",
        "![x](attachment:a)",
        "<javascript:a>",
        "http://a.example",
        "mermaid\n",
        "\\begin{a}",
        "\\end{a}",
        "\\[",
        "\\]",
        "*",
        "_",
    ]
)


@given(strategies.lists(PIECES, max_size=14).map("".join))
def test_whatever_is_written_renders_to_known_tags(text: str) -> None:
    for pieces in (text, f"a {text} b"):
        made = clean_markdown(pieces, names={"check"})
        page = BeautifulSoup(clean.render(made), "html.parser")
        assert not page.find_all(["script", "img"]) and not page.find_all(id="check")
        for element in page.find_all(True):
            assert not [name for name in element.attrs if name.startswith("on")]
            assert not str(element.get("href", "")).lower().replace("files/", "").startswith("javascript")
        assert clean_markdown(made, names={"check"}) == made
