"""Assignments as they are read: roles, releases like nbgrader's own, what the reference binds, and clear errors."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell
from traitlets.config import Config

from moi.grading.assignment import AssignmentError, Notebook, read_assignment
from moi.grading.exercises import course_api, done


def code(name: str, source: str, *kinds: str, **other: Any) -> Any:
    return marked(new_code_cell(source, id=f"id-{name}".replace(" ", "-")), name, *kinds, **other)


def text(name: str, source: str, *kinds: str, **other: Any) -> Any:
    return marked(new_markdown_cell(source, id=f"id-{name}".replace(" ", "-")), name, *kinds, **other)


def marked(cell: Any, name: str, *kinds: str, **other: Any) -> Any:
    """With nbgrader's metadata: ``kinds`` are those of grade, solution, locked and task that hold."""
    if kinds:
        marks = {kind: kind in kinds for kind in ("grade", "solution", "locked", "task")}
        cell.metadata["nbgrader"] = {"grade_id": name, "schema_version": 3, **marks, **other}
    return cell


TESTED = "assert a\n### BEGIN HIDDEN TESTS\nassert a == 1\n### END HIDDEN TESTS\npass"
CELLS = [
    text("title", "# Title"),
    code("data", "import json\nsales = [1]", "locked"),
    code("look", "sales"),
    code("one", "a = 0\n### BEGIN SOLUTION\na = 1\n### END SOLUTION", "solution"),
    code("check-one", TESTED, "grade", "locked", points=2),
    text("why", "Because.", "grade", "solution", points=3),
    text("task", "Do.\n=== BEGIN MARK SCHEME ===\nsecret\n=== END MARK SCHEME ===", "task", "locked", points=1),
]


def course(folder: Path, *cells: Any, config: str = "", source: str = "source/./ps1", **metadata: Any) -> Path:
    metadata = metadata or {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python"}}
    (folder / source).mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=[*cells], metadata=metadata), folder / source / "nb.ipynb")
    if config:
        (folder / "nbgrader_config.py").write_text(f"c = get_config()\n{config}\n")
    return folder


def read(folder: Path, *cells: Any, **options: Any) -> Notebook:
    return read_assignment(course(folder, *cells, **options), "ps1").notebooks[0]


def found(folder: Path, *sources: str, given: str = "", config: str = "") -> Notebook:
    """What is found in a notebook whose answers are ``sources``."""
    cells = [code(f"answer{n}", source, "solution") for n, source in enumerate(sources)]
    return read(folder, code("given", given, "locked"), *cells, config=config)


def test_cells_have_roles_points_and_releases(tmp_path: Path) -> None:
    notebook = read(tmp_path, *CELLS)
    assert [(c.role, c.kind, c.name, c.id, c.points) for c in notebook.cells] == [
        ("free", "markdown", "", "id-title", 0),
        ("given", "code", "data", "id-data", 0),
        ("free", "code", "", "id-look", 0),
        ("answer", "code", "one", "id-one", 0),
        ("test", "code", "check-one", "id-check-one", 2),
        ("answer", "markdown", "why", "id-why", 3),
        ("given", "markdown", "task", "id-task", 1),
    ]
    assert [c.source for c in notebook.cells] == [c.source for c in CELLS]
    assert [c.release for c in notebook.cells[3:]] == [
        "a = 0\n# YOUR CODE HERE\nraise NotImplementedError()",
        "assert a\npass",
        "YOUR ANSWER HERE",
        "Do.",
    ]
    assert [c.hidden for c in notebook.cells if c.hidden] == [((2, 4),)]
    assert notebook.metadata == {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python"}}
    assert notebook.name == "nb" and notebook.imports == ("json",) and notebook.learner_names == ("a",)


def test_release_is_that_of_nbgrader(tmp_path: Path) -> None:
    config = (
        'c.ClearSolutions.code_stub = {"python": "..."}\nc.CourseDirectory.course_id = "x"\n'
        'c.IncludeHeaderFooter.header = "source/header.ipynb"\nc.LockCells.lock_solution_cells = False'
    )
    folder = course(tmp_path, *CELLS, config=config)
    nbformat.write(new_notebook(cells=[new_code_cell("import csv")]), folder / "source" / "header.ipynb")
    done(course_api(folder, folder).generate_assignment("ps1"))
    released = nbformat.read(folder / "release" / "ps1" / "nb.ipynb", as_version=4)
    cells = read_assignment(folder, "ps1").notebooks[0].cells
    assert cells[0].release == "import csv" and len(cells) == 8
    assert [(c.release, c.id, c.kind, c.metadata) for c in cells] == [
        (c.source, c.id, c.cell_type, dict(c.metadata)) for c in released.cells
    ]


def test_settings_of_the_course_hold(tmp_path: Path) -> None:
    config = (
        'c.CourseDirectory.directory_structure = "{student_id}/{nbgrader_step}/{assignment_id}"\n'
        'c.CourseDirectory.source_directory = "solutions"\nc.CourseDirectory.ignore = ["*.tmp"]\n'
        'c.ClearSolutions.begin_solution_delimeter = "BEGIN ANSWER"\n'
        'c.ClearSolutions.end_solution_delimeter = "END ANSWER"\n'
        'c.ClearHiddenTests.begin_test_delimeter = "VVV"\nc.ClearHiddenTests.end_test_delimeter = "AAA"\n'
        'c.ClearSolutions.code_stub = {"python": "..."}'
    )
    answer = code("one", "x = 1\n# BEGIN ANSWER\ny = 1\n# END ANSWER", "solution")
    test = code("check", "# VVV\nx\n# AAA\n#\n#VVV\n#AAA", "grade", "locked", points=1)
    folder = course(tmp_path, answer, test, config=config, source="solutions/ps1")
    (folder / "solutions/ps1/data").mkdir()
    (folder / "solutions/ps1/data/a.csv").write_bytes(b"1")
    (folder / "solutions/ps1/b.tmp").write_bytes(b"1")
    assignment = read_assignment(folder, "ps1")
    assert [c.release for c in assignment.notebooks[0].cells] == ["x = 1\n...", "#"]
    assert assignment.notebooks[0].cells[1].hidden == ((1, 3), (5, 6))
    assert assignment.files == {"data/a.csv": b"1"}
    with pytest.raises(AssignmentError, match="no notebook"):
        read_assignment(folder, "ps1", Config())


def test_config_that_is_handed_over_stays_as_it_is(tmp_path: Path) -> None:
    config = Config({"ClearSolutions": {"text_stub": "Write"}})
    assert read_assignment(course(tmp_path, *CELLS), "ps1", config).notebooks[0].cells[5].release == "Write"
    assert config == {"ClearSolutions": {"text_stub": "Write"}}


def test_generated_tests_are_part_of_the_source(tmp_path: Path) -> None:
    folder = course(
        tmp_path,
        code("one", "### BEGIN SOLUTION\na = 1\n### END SOLUTION", "solution"),
        code("check", "### AUTOTEST a", "grade", "locked", points=1),
    )
    (folder / "autotests.yml").write_text(
        'python3:\n  dispatch: "type({{snippet}})"\n  templates:\n    default:\n      - test: "str({{snippet}})"\n'
        '        fail: "wrong"\n  check: \'assert {{snippet}} == "{{value}}"\'\n'
        "  setup: 'import math'\n  success: 'print(1)'\n  normalize: 'str({{snippet}})'\n"
        "  hash: 'str({{snippet}})'\n"
    )
    test = read_assignment(folder, "ps1").notebooks[0].cells[1]
    assert "assert" in test.source and '"1"' in test.source
    assert test.source == test.release and "AUTOTEST" not in test.source


def test_digest_is_stable_and_follows_every_change(tmp_path: Path) -> None:
    first = read_assignment(course(tmp_path, *CELLS), "ps1")
    assert read_assignment(tmp_path, "ps1") == first == pickle.loads(pickle.dumps(first))
    digests = {first.digest}
    (tmp_path / "source/ps1/data.csv").write_text("1")
    digests.add(read_assignment(tmp_path, "ps1").digest)
    digests.add(read_assignment(course(tmp_path, *CELLS, code("x", "x = 1")), "ps1").digest)
    digests.add(read_assignment(course(tmp_path, *CELLS, config='c.ClearSolutions.text_stub = "W"'), "ps1").digest)
    assert len(digests) == 4


def test_digest_does_not_depend_on_what_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = course(tmp_path, code("a", "from matplotlib import cm"))
    here = read_assignment(folder, "ps1")
    monkeypatch.setattr("moi.grading.reference._is_module", lambda name: False)
    elsewhere = read_assignment(folder, "ps1")
    assert here.digest == elsewhere.digest and here.notebooks[0].imports != elsewhere.notebooks[0].imports


def test_ids_that_are_made_up_are_none(tmp_path: Path) -> None:
    folder = course(tmp_path, *CELLS)
    file = folder / "source/ps1/nb.ipynb"
    content = json.loads(file.read_text())
    del content["cells"][0]["id"]
    file.write_text(json.dumps(content))
    cells = read_assignment(folder, "ps1").notebooks[0].cells
    assert [c.id for c in cells[:2]] == ["", "id-data"]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a = b, *c = x = [1]\ny: int = 1", "a b c x y"),
        ("def f(p):\n    q = p\nclass K:\n    r = 1\n", "f K"),
        ("import os.path, json as j\nfrom re import match as m, sub", "os j m sub"),
        ("for i in []: pass\nwith open('') as (p, q): pass", "i p q"),
        ("[w := 1 for v in [1]]\nlambda: (z := 1)", "w"),
        ("def f():\n    def g():\n        global k\n        k = 1", "f k"),
        ("match 1:\n    case [s, *t] | {'a': s, **t}: pass", "s t"),
        ("x = await f()\nasync for i in g(): pass", "x i"),
        ("%matplotlib inline\nfiles = !ls\n?print\nt = %timeit -o 1", "files t"),
        ("%%time\na = 1", "a"),
        ("%%capture out --no-stderr\nb = 1", "out b"),
        ("%%bash\na=1", ""),
        ("%%html\n<b>", ""),
    ],
)
def test_names_that_answers_bind(tmp_path: Path, source: str, names: str) -> None:
    assert set(found(tmp_path, source).learner_names) == set(names.split())


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("d['a'] = 1", "d"),
        ("d.a.b[0] += 1\ndel e[0]", "d e"),
        ("d.append(1)", "d"),
        ("d.sort_values('x', inplace=True)", "d"),
        ("last = d.pop()\nn = next(e)", "d e last n"),
        ("random.shuffle(d)", "d"),
        ("def f(x):\n    d.append(x)\n    e = {}\n    e['a'] = 1", "d f"),
        ("def f(d):\n    d.append(1)\ng = lambda e: e.append(1)", "f g"),
        ("d += [1]", "d"),
        ("def f():\n    global d\n    d.append(1)\n    d[0] = [d for d in []]", "d f"),
        ("%%time\nd.append(1)", "d"),
        ("d.head()\ne.sort_values('x')\nprint(d)\nx = d.mean()", "x"),
        ("random.seed(1)\nother.append(1)", ""),
    ],
)
def test_given_objects_that_answers_change(tmp_path: Path, source: str, names: str) -> None:
    notebook = found(tmp_path, source, given="import random\nd = []\ne = {}")
    assert set(notebook.learner_names) == set(names.split())


@pytest.mark.parametrize(
    ("source", "methods"),
    [
        ("class A:\n    def __add__(self, o): ...\n    __hash__ = None\n    def f(self): ...", "__add__ __hash__"),
        ("from dataclasses import dataclass\n@dataclass\nclass A: x: int", "__init__ __repr__ __eq__"),
        ("@dataclasses.dataclass(order=True, repr=False, eq=True)\nclass A: x: int",
         "__init__ __eq__ __lt__ __le__ __gt__ __ge__"),
        ("@functools.total_ordering\nclass A:\n    def __lt__(self, o): ...", "__lt__ __le__ __gt__ __ge__"),
        ("class A(Base): pass\nx.__eq__", ""),
    ],
)  # fmt: skip
def test_special_methods_of_the_reference(tmp_path: Path, source: str, methods: str) -> None:
    assert set(found(tmp_path, source).special_methods) == set(methods.split())


@pytest.mark.parametrize(
    ("source", "method"),
    [
        ("class A(list): pass", "__getitem__"),
        ("class A(NamedTuple): x: int", "__iter__"),
        ("A = namedtuple('A', 'x')", "__len__"),
        ("class A(enum.Enum): X = 1", "__hash__"),
        ("class A(collections.abc.Sequence): pass", "__contains__"),
    ],
)
def test_special_methods_that_are_inherited(tmp_path: Path, source: str, method: str) -> None:
    methods = found(tmp_path, source).special_methods
    assert method in methods and "__new__" not in methods and "__reduce__" not in methods


def test_imports_are_full_names_of_modules(tmp_path: Path) -> None:
    folder = course(
        tmp_path,
        code("a", "from __future__ import annotations\nimport matplotlib.pyplot as plt\nfrom . import x"),
        code("b", "def f():\n    from os import path\n    from collections import abc, Counter"),
        code("c", "%%time\nimport json\nimport helper\nfrom package.part import y", "locked"),
        code("d", "import missing.module\nfrom matplotlib import cm", "grade", "locked", points=1),
    )
    (folder / "source/ps1/helper.py").write_text("")
    (folder / "source/ps1/package").mkdir()
    (folder / "source/ps1/package/part.py").write_text("")
    assert read_assignment(folder, "ps1").notebooks[0].imports == (
        "collections",
        "collections.abc",
        "json",
        "matplotlib.cm",
        "matplotlib.pyplot",
        "missing.module",
        "os",
    )


ANSWER = code("one", "a = 1", "solution")
R = {"kernelspec": {"name": "ir", "language": "R", "display_name": "R"}}


@pytest.mark.parametrize(
    ("cells", "options", "message"),
    [
        (
            [ANSWER, marked(new_code_cell("a"), "one", "locked")],
            {},
            r"ps1/nb.ipynb, cell 2 \(one\): cell 1 has the same grade_id",
        ),
        ([code("check", "a", "grade", "locked")], {}, r"cell 1 \(check\): it is graded but has no points"),
        ([code("check", "a", "grade", points=-1)], {}, "its points are -1; a number from 0"),
        ([code("check", "a", "grade", points=float("nan"))], {}, "its points are nan"),
        ([code("check", "a", "grade", points="2")], {}, "its points are '2'"),
        ([text("check", "a", "grade", points=2)], {}, "a markdown cell cannot be a test"),
        ([marked(new_raw_cell("a"), "check", "grade", points=2)], {}, "a raw cell cannot be a test"),
        ([code("", "a", "solution")], {}, "cell 1: it has no grade_id"),
        ([code("one two", "a", "solution")], {}, "does not match"),
        ([code("one", "a", "solution", schema_version=1)], {}, "run `nbgrader update`"),
        ([code("one", "a", "solution", extra=1)], {}, "extra"),
        ([text("why", "a", "solution")], {}, "not marked as a grade cell"),
        ([code("x", "### BEGIN SOLUTION\n### END SOLUTION")], {}, "[Ss]olution region detected in a non-solution"),
        ([code("one", "### BEGIN SOLUTION", "solution")], {}, "no end solution"),
        ([code("x", "### BEGIN HIDDEN TESTS\n### END HIDDEN TESTS", "locked")], {}, "in a non-grade cell"),
        ([code("one", "def f(:", "solution")], {}, r"cell 1 \(one\): invalid syntax"),
        ([code("one", "return 1", "solution")], {}, "'return' outside function"),
        ([code("one", "%%time\ndef f(:", "solution")], {}, r"cell 1 \(one\): invalid syntax"),
        ([code("check", "x = = 1", "grade", points=1)], {}, r"cell 1 \(check\): invalid syntax"),
        ([ANSWER], R, "its language is R; only Python"),
        ([ANSWER], {"kernelspec": {"name": "ir", "display_name": "R"}}, "its language is ir"),
        ([], {}, "the notebook has no cells"),
        ([ANSWER], {"config": "1 / 0"}, "the settings of the course.*division by zero"),
        ([ANSWER], {"config": "c.IncludeHeaderFooter.header = 'none.ipynb'"}, "none.ipynb"),
        ([ANSWER], {"config": "c.ClearSolutions.text_stub = 5"}, "text_stub"),
    ],
)
def test_what_is_wrong_is_told_once_and_clearly(
    tmp_path: Path, cells: list[Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(AssignmentError, match=message):
        read(tmp_path, *cells, **options)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a+b", " a", "none"])
def test_assignments_that_are_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(AssignmentError):
        read_assignment(course(tmp_path, ANSWER), name)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe\x00", b'{"cells": 5}', b'{"nbformat": 4}'])
def test_unreadable_notebooks(tmp_path: Path, content: bytes) -> None:
    (course(tmp_path, ANSWER) / "source/ps1/nb.ipynb").write_bytes(content)
    with pytest.raises(AssignmentError, match="ps1/nb.ipynb: "):
        read_assignment(tmp_path, "ps1")


def test_what_is_meant_to_fail_may(tmp_path: Path) -> None:
    broken = code("given", "x = = 1", "locked")
    broken.metadata["tags"] = ["raises-exception"]
    read(tmp_path, broken, code("free", "what is this?!"), ANSWER)
