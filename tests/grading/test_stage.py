"""Submissions laid onto their assignment: whatever is handed in, the author's tests and every answer are there once."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbgrader.utils import compute_checksum

from moi.grading import stage as stage_module
from moi.grading.assignment import Cell, Kind, Notebook, Role
from moi.grading.stage import Staged, learner_files, read_submission, stage


def author(role: Role, name: str, release: str, source: str = "", kind: Kind = "code", points: float = 0) -> Cell:
    return Cell(role, kind, "" if role == "free" else name, f"id-{name}", source or release, release, points, (), {})


STUB = "raise NotImplementedError"
CELLS = (
    author("free", "title", "# Title", kind="markdown"),  # 0
    author("given", "data", "sales = [1, 2]"),  # 1
    author("free", "look", "print(sales)"),  # 2
    author("answer", "one", STUB, "a = 1"),  # 3
    author("test", "check-one", "assert a", "assert a\nassert a == 1", points=1),  # 4
    author("answer", "two", STUB, "b = 2"),  # 5
    author("test", "check-two", "assert b", "assert b\nassert b == 2", points=1),  # 6
    author("answer", "why", "YOUR ANSWER HERE", "Because.", kind="markdown", points=2),  # 7
)
NOTEBOOK = Notebook("nb", CELLS, {}, (), (), ())


def cell(name: str, source: Any = None, **other: Any) -> dict[str, Any]:
    """The author's cell ``name`` as a learner hands it in."""
    own = next(c for c in CELLS if c.id == f"id-{name}")
    metadata = {"nbgrader": {"grade_id": own.name}} if own.name else {}
    text = own.release if source is None else source
    return {"cell_type": own.kind, "id": own.id, "metadata": metadata, "source": text} | other


def added(source: Any, kind: str = "code", **other: Any) -> dict[str, Any]:
    return {"cell_type": kind, "id": "new", "metadata": {}, "source": source} | other


def untouched(**changed: Any) -> list[dict[str, Any]]:
    return [cell(c.id[3:], changed.get(c.id[3:])) for c in CELLS]


def laid(*cells: Any, **other: Any) -> Staged:
    staged = stage(NOTEBOOK, json.dumps({"cells": cells, "metadata": {}, "nbformat": 4} | other).encode())
    assert_whole(staged)
    return staged


def assert_whole(staged: Staged) -> None:
    places = [c.cell for c in staged.cells if c.cell is not None]
    assert places == sorted(set(places))
    assert set(places) >= {place for place, c in enumerate(CELLS) if c.role != "free"}
    for c in staged.cells:
        if c.cell is not None and CELLS[c.cell].role in ("given", "test"):
            assert (c.kind, c.source) == (CELLS[c.cell].kind, CELLS[c.cell].source)
        if c.cell is not None and CELLS[c.cell].role == "answer":
            assert c.kind == CELLS[c.cell].kind
        c.source.encode()
        assert "\0" not in c.source and "\r" not in c.source
    assert len("".join(staged.notes)) < 5_000
    "".join(staged.notes).encode()


def shape(staged: Staged) -> list[Any]:
    """Places of the author's cells, and the text of added ones."""
    return [c.source if c.cell is None else c.cell for c in staged.cells]


def answer(staged: Staged, name: str) -> str:
    place = next(place for place, c in enumerate(CELLS) if c.name == name)
    return next(c.source for c in staged.cells if c.cell == place)


def test_answers_are_taken_and_nothing_else() -> None:
    cells = untouched(one="a = 9", why="Since.")
    for c in cells:
        c["metadata"]["tags"] = ["skip-execution"]
        c["outputs"] = [{"output_type": "error"}]
    cells[4]["source"], cells[1]["source"] = "pass", "sales = []"
    staged = laid(*cells)
    assert shape(staged) == list(range(8))
    assert (answer(staged, "one"), answer(staged, "two"), answer(staged, "why")) == ("a = 9", STUB, "Since.")
    assert staged.notes == ("Changed cells of the author's, put back: data, check-one.",)
    assert staged.readable
    assert laid(*untouched()).notes == ()


def test_cells_of_an_earlier_release_are_nothing_to_note() -> None:
    """The author has mended a test since: that is no student's doing."""
    entry = {"grade_id": "check-one", "grade": True, "locked": True, "solution": False, "points": 1.0}
    before = {"cell_type": "code", "id": "id-check-one", "source": "assert a > 0", "metadata": {"nbgrader": entry}}
    entry["checksum"] = compute_checksum(nbformat.from_dict(before))
    cells = untouched()
    cells[4] = before
    staged = laid(*cells)
    assert staged.notes == () and staged.cells[4].source == CELLS[4].source
    cells[4] = before | {"source": "assert True"}
    staged = laid(*cells)
    assert staged.notes == ("Changed cells of the author's, put back: check-one.",)


def test_added_cells_follow_the_authors_cell_that_they_followed() -> None:
    cells = untouched(one="a = 1")
    cells.insert(4, added("x = 1"))
    cells.insert(0, added("first = 1"))
    cells += [added("Last words", "markdown"), added("raw", "raw"), added("   ")]
    staged = laid(*cells)
    assert shape(staged) == ["first = 1", 0, 1, 2, 3, "x = 1", 4, 5, 6, 7, "Last words", "raw"]
    assert [c.kind for c in staged.cells if c.cell is None] == ["code", "code", "markdown", "raw"]


def test_moved_cells_are_put_back_with_the_cells_that_follow_them() -> None:
    cells = untouched()
    staged = laid(cells[5], added("with two"), *cells[:5], *cells[6:])
    assert shape(staged) == [0, 1, 2, 3, 4, 5, "with two", 6, 7]
    assert staged.notes == ("Cells had been moved; they are in the author's order again.",)


def test_the_first_of_copied_cells_counts_and_the_others_are_added() -> None:
    cells = untouched(one="a = 1")
    cells.insert(6, cell("one", "a = 2", id="copy"))
    staged = laid(*cells)
    assert shape(staged) == [0, 1, 2, 3, 4, 5, "a = 2", 6, 7] and answer(staged, "one") == "a = 1"
    assert any("the first one counts" in note and "one" in note for note in staged.notes)


@pytest.mark.parametrize(
    "copy",
    [
        cell("check-one", "a = 1", id="x"),  # by its grade_id
        added("a = 1", id="id-check-one"),  # by its id
        added("assert a  \n"),  # by its text
        cell("data", "sales = 0", id="x"),
    ],
)
def test_copies_of_the_authors_cells_are_left_out(copy: dict[str, Any]) -> None:
    staged = laid(*untouched(), copy)
    assert shape(staged) == list(range(8))
    assert "Copies of the author's cells were left out" in staged.notes[0]


def test_missing_answer_stands_before_the_added_cells_of_its_gap() -> None:
    cells = untouched()
    del cells[3]
    cells[3:3] = [added("a = 1"), added("a += 1")]  # two: neither is sure to be the answer
    staged = laid(*cells)
    assert shape(staged) == [0, 1, 2, 3, "a = 1", "a += 1", 4, 5, 6, 7]
    assert staged.notes == ("Missing answers, left as they were released: one.",)


def test_missing_answer_is_recognised_by_its_place() -> None:
    cells = untouched()
    cells[3], cells[7] = added("a = 1"), added("Since.", "markdown")
    staged = laid(*cells, added(""))
    assert shape(staged) == list(range(8))
    assert (answer(staged, "one"), answer(staged, "why")) == ("a = 1", "Since.")
    assert staged.notes == ("Recognised by its place only: one, why.",)


def test_missing_author_cells_are_put_back_and_their_neighbours_stay() -> None:
    staged = laid(cell("data"), added("b = 2"), cell("two", "b = 3"))
    assert shape(staged) == [1, 3, 4, 5, 6, 7] and answer(staged, "one") == "b = 2"
    assert "Missing cells of the author's, put back: check-one, check-two." in staged.notes


@pytest.mark.parametrize("keeps_ids", [True, False])
def test_stripped_metadata_cost_nothing(keeps_ids: bool) -> None:
    cells = untouched(one="a = 1", two="b = 2", why="Since.", look="print(sales, 'mine')")
    for c in cells:
        del c["metadata"]
        if not keeps_ids:
            del c["id"]
    cells.insert(4, {"cell_type": "raw", "source": "mine"})
    staged = laid(*cells)
    assert (answer(staged, "one"), answer(staged, "two"), answer(staged, "why")) == ("a = 1", "b = 2", "Since.")
    assert [c.source for c in staged.cells].count("print(sales, 'mine')") == 1
    assert shape(staged) == [0, 1, 2, 3, "mine", 4, 5, 6, 7]


@pytest.mark.parametrize("written", [{"one": "a = 1"}, {"two": "b = 2"}])
def test_one_stub_in_many_answers_is_not_mistaken_for_another(written: dict[str, str]) -> None:
    cells = untouched(**written)
    for c in cells:
        del c["metadata"], c["id"]
    staged = laid(*cells)
    assert [answer(staged, name) for name in ("one", "two")] == [written.get(name, STUB) for name in ("one", "two")]
    assert shape(staged) == list(range(8))


def test_cells_of_one_text_are_told_apart_by_their_order_where_all_are_there() -> None:
    cells = tuple(
        author(role, f"{role}{n}", release)  # type: ignore[arg-type]
        for n in range(3)
        for role, release in (("answer", STUB), ("test", "# hidden"))
    )
    texts = [STUB, "# hidden", "mine = 1", "# hidden", STUB, "# hidden", "# hidden"]
    for handed_in, expected in (
        (texts[:6], [STUB, "mine = 1", STUB]),
        ([STUB, "# hidden"] * 3, [STUB] * 3),
        (texts, [STUB] * 3),
    ):
        raw = json.dumps({"cells": [{"cell_type": "code", "source": text} for text in handed_in]}).encode()
        staged = stage(Notebook("nb", cells, {}, (), (), ()), raw)
        assert [c.source for c in staged.cells if c.cell in (0, 2, 4)] == expected
        assert [c.cell for c in staged.cells if c.source == "# hidden"] == [1, 3, 5]
        assert sum(c.cell is None for c in staged.cells) == (0 if handed_in is not texts else 2)


def test_added_cells_stand_before_a_test_that_is_missing_too() -> None:
    staged = laid(cell("data"), added("a = 1"), added("b = 2"), added("c = 3"), cell("why"))
    assert shape(staged) == [1, 3, "a = 1", "b = 2", "c = 3", 4, 5, 6, 7]


def test_free_cells_are_the_learners_own() -> None:
    cells = untouched(look="print(1)")
    del cells[0]
    staged = laid(*cells)
    assert shape(staged) == [1, 2, 3, 4, 5, 6, 7]
    assert staged.cells[1].source == "print(1)"
    same_text = untouched()
    same_text[2]["id"] = "other"
    assert shape(laid(*same_text)) == list(range(8))


def test_changed_kind_of_an_answer_is_put_back() -> None:
    cells = untouched(why="Since.")
    cells[7]["cell_type"] = "code"
    staged = laid(*cells)
    assert staged.cells[7].kind == "markdown" and answer(staged, "why") == "Since."
    assert "kind" in staged.notes[0] and "why" in staged.notes[0]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a\r\nb\rc", "a\nb\nc"),
        (["a\n", "b"], "a\nb"),
        (["a\n", 5, None, ["x"], "b"], "a\nb"),
        ("a\0b", "ab"),
        ("\ud83d\ude00", "😀"),
        ("a\ud800b", "a\ufffdb"),
        ("", ""),
        ([], ""),
        (5, STUB),
        (None, STUB),
        ([5], STUB),
        ({"a": 1}, STUB),
        ("x" * (stage_module.LARGEST_SOURCE + 1), STUB),
    ],
)
def test_sources_of_any_shape(source: Any, text: str) -> None:
    cells = untouched()
    cells[3]["source"] = source
    staged = laid(*cells)
    assert answer(staged, "one") == text
    changed_silently = source in ("a\r\nb\rc", ["a\n", "b"], "\ud83d\ude00", "", [])
    assert bool(staged.notes) != changed_silently


@pytest.mark.parametrize("metadata", [None, 5, [], "x", {"nbgrader": 5}, {"nbgrader": {"grade_id": ["one"]}}])
def test_metadata_of_any_shape(metadata: Any) -> None:
    cells = untouched(one="a = 1")
    for c in cells:
        c["metadata"] = metadata
    assert answer(laid(*cells, metadata=metadata, nbformat="x", nbformat_minor=99), "one") == "a = 1"


WHOLE = json.dumps({"cells": untouched(one='a = "é"')}, ensure_ascii=False)


@pytest.mark.parametrize(
    "raw",
    [
        WHOLE.encode(),
        WHOLE.encode("utf-8-sig"),
        WHOLE.encode("utf-16"),
        WHOLE.encode("utf-16-le"),
        WHOLE.encode("utf-32"),
        WHOLE.encode("latin-1"),
        WHOLE.replace(", ", ",\r\n").encode(),
        WHOLE.encode() + b"\0\0\n",
        b'{"cells": [], ' + WHOLE.encode()[1:],
        WHOLE.replace("{", '{"n": 1e999, "m": NaN, "i": ' + "9" * 5000 + ", ", 1).encode(),
        WHOLE.encode() + b"<<<<<<< HEAD",
    ],
)
def test_files_of_any_encoding(raw: bytes) -> None:
    staged = stage(NOTEBOOK, raw)
    assert_whole(staged)
    assert staged.readable and answer(staged, "one") == 'a = "é"'


def test_one_damaged_character_leaves_the_others() -> None:
    raw = json.dumps({"cells": untouched(one="é é é", two="#")}, ensure_ascii=False).encode().replace(b"#", b"\xff")
    staged = stage(NOTEBOOK, raw)
    assert (answer(staged, "one"), answer(staged, "two")) == ("é é é", "\ufffd")
    assert staged.notes == ("Some characters of the file are damaged.",)


@pytest.mark.parametrize(
    "raw",
    [
        None,
        b"",
        b" \n\0",
        b"\xef\xbb\xbf",
        b"no JSON",
        WHOLE.encode()[:-20],
        b"[]",
        b"5",
        b"{}",
        b'{"cells": {}}',
        b'{"cells": null, "worksheets": 5}',
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"cells": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
        os.urandom(1000) + b"\xff",
    ],
)
def test_unreadable_files_leave_the_release(raw: bytes | None) -> None:
    staged = stage(NOTEBOOK, raw)
    assert_whole(staged)
    assert not staged.readable and staged.notes and shape(staged) == list(range(8))
    assert {answer(staged, "one"), answer(staged, "two")} == {STUB}


def test_too_large_files_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, most in (("LARGEST_NOTEBOOK", 100), ("_MOST_CONTAINERS", 5), ("_MOST_VALUES", 5)):
        with monkeypatch.context() as patch:
            patch.setattr(stage_module, limit, most)
            staged = stage(NOTEBOOK, WHOLE.encode())
            assert not staged.readable and "too large" in staged.notes[0]
    assert stage(NOTEBOOK, WHOLE.encode()).readable


def test_entries_that_are_no_cells_are_left_out() -> None:
    staged = laid(*untouched(one="a = 1"), 5, None, "x", [])
    assert answer(staged, "one") == "a = 1" and staged.notes == (
        "4 entries of the file that are no cells were left out.",
    )


def test_notebooks_of_the_old_format_are_read() -> None:
    cells: list[Any] = untouched(one="a = 1")
    for c in cells:
        if c["cell_type"] == "code":
            c["input"] = c.pop("source")
    cells.append({"cell_type": "heading", "level": 2, "source": ["Mine"]})
    raw = json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}, 5, {"cells": 5}]}).encode()
    staged = stage(NOTEBOOK, raw)
    assert_whole(staged)
    assert answer(staged, "one") == "a = 1" and shape(staged)[-1] == "# Mine"
    assert "before 2015" in staged.notes[0]


def test_added_cells_have_a_limit() -> None:
    staged = laid(*untouched(one="a = 1"), *(added(f"x = {n}") for n in range(10_000)))
    assert sum(c.cell is None for c in staged.cells) == stage_module.MOST_ADDED_CELLS
    assert staged.notes == (f"{10_000 - stage_module.MOST_ADDED_CELLS} added cells were left out: "
                            "there are too many, or they are too long.",)  # fmt: skip
    long = "x" * stage_module.LARGEST_SOURCE
    staged = laid(*untouched(), *(added(long) for _ in range(7)))
    assert sum(c.cell is None for c in staged.cells) == 5 and "2 added cells" in staged.notes[0]


def test_cells_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "MOST_CELLS", 10)
    staged = laid(*untouched(one="a = 1"), *(added(f"x = {n}") for n in range(5)))
    assert shape(staged)[-2:] == ["x = 0", "x = 1"] and answer(staged, "one") == "a = 1"
    assert staged.notes == ("The file has 13 cells; the first 10 were read.",)


def test_notes_hold_none_of_the_learners_words_and_stay_short() -> None:
    evil = "<script>alert(1)</script>"
    cells = untouched(one=evil, data=evil) + [cell("two", evil, id=evil) for _ in range(3000)]
    cells += [added(evil, evil), {"cell_type": evil, "metadata": {evil: evil}, "attachments": {evil: evil}}]
    staged = laid(*cells)
    assert "script" not in "".join(staged.notes) and "two (3000 times)" in "".join(staged.notes)


def test_a_note_names_a_few_cells() -> None:
    many = tuple(author("answer", f"n{place}", f"stub {place}") for place in range(10))
    staged = stage(Notebook("nb", many, {}, (), (), ()), b'{"cells": []}')
    assert staged.notes == ("Missing answers, left as they were released: n0, n1, n2, n3, n4, n5 and 4 more.",)


GIF = {"image/gif": "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"}
NO_PICTURE = {"image/png": "PHNjcmlwdD4="}


def test_pictures_of_a_text_stay_with_it() -> None:
    cells = untouched(why="![](attachment:a.gif)", title="![](attachment:b.gif)", one="# ![](attachment:a.gif)")
    cells[7]["attachments"] = {"a.gif": GIF, "taken out again.gif": GIF, "also.png": NO_PICTURE}
    cells[0]["attachments"] = {"b.gif": GIF}
    cells[3]["attachments"] = {"a.gif": GIF}
    mine = added("![](attachment:c%20d.gif)", "markdown", attachments={"c d.gif": GIF})
    given = {"cell_type": "markdown", "metadata": {}, "source": "sales = [1, 2]", "attachments": {"a.gif": GIF}}
    staged = laid(*cells, mine, given | {"id": "id-data"})
    assert {c.source: c.attachments for c in staged.cells if c.attachments} == {
        "![](attachment:a.gif)": {"a.gif": GIF},
        "![](attachment:b.gif)": {"b.gif": GIF},
        "![](attachment:c%20d.gif)": {"c%20d.gif": GIF},
    }
    assert [note for note in staged.notes if "Pictures" in note] == []


def test_pictures_that_are_left_out_are_told() -> None:
    cells = untouched(why="![](attachment:a.png) ![](attachment:b.gif)")
    cells[7]["attachments"] = {"a.png": NO_PICTURE, "b.gif": GIF}
    staged = laid(*cells, added("![](attachment:../c.gif)", "markdown", attachments={"../c.gif": GIF}))
    assert [c.attachments for c in staged.cells][-2:] == [{"b.gif": GIF}, {}]
    assert staged.notes == (
        "Pictures that are no PNG, JPEG, GIF or WebP, or too large, are only in the file that was handed in: "
        "why, an added cell.",
    )


def test_pictures_of_a_notebook_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "_MOST_PASTED", 2 * len(GIF["image/gif"]))
    staged = laid(*untouched(), *(added(f"{n} ![](attachment:a)", "markdown", attachments={"a": GIF}) for n in "123"))
    assert [bool(c.attachments) for c in staged.cells][-3:] == [True, True, False]
    assert "an added cell" in staged.notes[0]


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8)
known = st.sampled_from([c.release for c in CELLS] + [c.name for c in CELLS] + [c.id for c in CELLS] + ["code", "raw"])
keys = st.sampled_from(["cells", "worksheets", "metadata", "nbgrader", "grade_id", "id", "source", "cell_type"])
trees = st.recursive(
    leaves | known,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(keys | st.text(max_size=3), inner, max_size=6),
    max_leaves=30,
)
metadatas = st.fixed_dictionaries({"nbgrader": st.fixed_dictionaries({"grade_id": known | trees})}) | trees
handed = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.sampled_from(["code", "markdown", "raw", "heading"]) | trees,
        "id": known | trees,
        "metadata": metadatas,
        "source": known | st.text(max_size=5) | trees,
        "attachments": trees,
    },
)


@settings(max_examples=300, deadline=None)
@given(st.lists(handed | trees | st.sampled_from(untouched()), max_size=14) | trees)
def test_any_tree_is_staged(cells: Any) -> None:
    raw = json.dumps({"cells": cells}).encode()
    assert_whole(stage(NOTEBOOK, raw))
    assert stage(NOTEBOOK, raw) == stage(NOTEBOOK, raw)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | trees.map(lambda tree: json.dumps(tree).encode()))
def test_any_bytes_are_staged(raw: bytes) -> None:
    assert_whole(stage(NOTEBOOK, raw))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.binary(max_size=3))
def test_any_damage_is_staged(place: int, damage: bytes) -> None:
    raw = WHOLE.encode()
    assert_whole(stage(NOTEBOOK, raw[:place] + damage + raw[place + 1 :]))


def test_only_ordinary_files_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "handed in"
    folder.mkdir()
    secret = tmp_path / "gradebook.db"
    secret.write_text("secret")
    (folder / "nb.ipynb").write_text("{}")
    os.link(folder / "nb.ipynb", folder / "hard.ipynb")
    (folder / "link.ipynb").symlink_to(secret)
    (folder / "loop.ipynb").symlink_to("loop.ipynb")
    (folder / "folder.ipynb").mkdir()
    os.mkfifo(folder / "fifo.ipynb")
    (tmp_path / "linked").symlink_to(folder)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket.ipynb"))
    assert read_submission(folder / "nb.ipynb") == read_submission(folder / "hard.ipynb") == b"{}"
    for name in ("link", "loop", "folder", "fifo", "socket", "none", "x" * 300):
        assert read_submission(folder / f"{name}.ipynb") is None, name
    assert read_submission(Path("/dev/null")) is None
    assert read_submission(tmp_path / "linked" / "nb.ipynb") is None
    assert read_submission(tmp_path / "linked" / "nb.ipynb", below=tmp_path) is None
    assert read_submission(folder / "nb.ipynb", below=tmp_path) == b"{}"
    if os.geteuid():
        (folder / "nb.ipynb").chmod(0)
        assert read_submission(folder / "nb.ipynb") is None


def test_what_is_our_own_failure_is_not_the_learners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OSError, match="Too many"):
        read_submission(tmp_path / "nb.ipynb")
    with pytest.raises(OSError, match="Too many"):
        learner_files(tmp_path)


def test_other_files_of_a_submission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    folder = tmp_path / "in"
    (folder / "data" / "deep").mkdir(parents=True)
    (folder / "data" / "deep" / "sales.csv").write_text("1")
    (folder / "helper.py").write_text("x = 1")
    (folder / "nb.ipynb").write_text("{}")
    (folder / "NB.IPYNB").write_text("{}")
    (folder / ".hidden").write_text("")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "a.txt").write_text("")
    (folder / "link.txt").symlink_to(outside / "secret.txt")
    (folder / "linked").symlink_to(outside)
    (folder / "new\nline.txt").write_text("")
    (folder / "back\\slash").write_text("")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.txt")).write_text("")
    os.mkfifo(folder / "fifo")
    notes: list[str] = []
    assert learner_files(folder, notes=notes) == {"data/deep/sales.csv": b"1", "helper.py": b"x = 1"}
    assert notes == [
        "3 files or folders were left out: their names are not fit for use.",
        "3 files or folders were left out: they are links or other than ordinary files, or cannot be opened.",
    ]
    (tmp_path / "link to in").symlink_to(folder)
    assert learner_files(tmp_path / "link to in") == learner_files(tmp_path / "nowhere") == {}
    assert learner_files(folder, largest=2) == {"data/deep/sales.csv": b"1"}
    assert learner_files(folder, most=1) == {"data/deep/sales.csv": b"1"}
    monkeypatch.setattr(stage_module, "_MOST_BYTES", 5)
    assert learner_files(folder) == {"data/deep/sales.csv": b"1"}
    monkeypatch.setattr(stage_module, "_DEEPEST", 0)
    assert learner_files(folder) == {"helper.py": b"x = 1"}
