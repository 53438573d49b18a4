"""Submissions made to gain points or secrets from the judging, or to harm it, gain nothing and leave nothing behind."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time
import tomllib
import traceback
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import classroom
import nbformat
import numpy as np
import pytest
from classroom import course, scores
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from naive import graded

from moi.grading import logged, nursery
from moi.grading.assignment import Assignment
from moi.grading.codec import CannotCross, Codec, packed, unpacked
from moi.grading.crossing import Crossing, assign
from moi.grading.folder import Folder
from moi.grading.line import Gone
from moi.grading.run import Bench, Run, as_written
from moi.grading.session import Session
from moi.grading.stage import Staged, stage

HERE = Path(__file__).parent / "attacks"
PARTS = tomllib.loads((HERE / "assignment.toml").read_text())
ATTACKS = tomllib.loads((HERE / "attacks.toml").read_text())
TOOLS = ATTACKS.pop("tools")
SECRETS = ("SECRET-hidden", "SECRET-reference", "70191", "80429", "160858", "70193")
TIMEOUT = 4
IMPORTS = "import os, sys, time, types\n"
GIVEN = """
import contextlib, inspect, io, itertools, json, math, os, random, sys, time, unittest
from unittest.mock import MagicMock, Mock, patch
import numpy as np
import pandas as pd
from moi.grading.checks import equal, ideas

class Order:
    def __init__(self, item, units):
        self.item, self.units = item, units
    def matches(self, item, units):
        return (self.item, self.units) == (item, units)
    def is_large(self):
        return self.units > 2
"""


def points(part: Mapping[str, Any]) -> float:
    return float(part.get("points", 1))


def cells() -> Iterator[tuple[str, str]]:
    yield "given", GIVEN
    for part in PARTS.values():
        yield "answer", f"### BEGIN SOLUTION\n{part['reference']}### END SOLUTION"
        yield f"test {points(part)}", part["test"]


def handed_in(assignment: Assignment, attack: dict[str, Any]) -> bytes:
    """The file of a learner who has all right but the answers attacked, and what is put in ``before`` and ``after``."""
    notebook = assignment.notebooks[0]
    labels = list(PARTS)
    made = (
        [{"cell_type": "code", "source": _with_tools(IMPORTS + attack["before"]), "metadata": {}}]
        if "before" in attack
        else []
    )
    for place, cell in enumerate(notebook.cells):
        label = labels[(place - 1) // 2] if place else ""
        source, metadata = cell.release, json.loads(json.dumps(cell.metadata))
        if cell.role == "answer":
            source = _with_tools(attack.get("answers", {}).get(label, PARTS[label]["reference"].replace("SECRET-", "")))
        elif cell.role == "test" and label in attack["targets"]:
            metadata |= attack.get("metadata", {})
        made.append({"cell_type": cell.kind, "source": source, "id": cell.id, "metadata": metadata, "outputs": []})
        if label in attack.get("after", {}) and cell.role == "test":
            made.append({"cell_type": "code", "source": _with_tools(attack["after"][label]), "metadata": {}})
    file = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(nbformat.from_dict(file)).encode()


def _with_tools(source: str) -> str:
    return "\n".join(text for name, text in TOOLS.items() if name in source) + source


class Opened:
    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.bench = Bench(assignment.notebooks[0], assignment.files, timeout=TIMEOUT)
        self.honest = self.graded(as_written(assignment.notebooks[0]))

    def graded(self, staged: Staged, files: Mapping[str, bytes] | None = None) -> tuple[dict[str, float], Run]:
        run = self.bench.run(staged, files)
        by_name = scores(self.assignment, staged, run)
        return dict(zip(PARTS, by_name.values(), strict=True)), run


@pytest.fixture(scope="module")
def assignment(tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    return course(tmp_path_factory.mktemp("course"), *cells())


@pytest.fixture(scope="module")
def opened(assignment: Assignment) -> Iterator[Opened]:
    made = Opened(assignment)
    yield made
    made.bench.close()


def told(run: Run) -> str:
    """What the learner can read of it."""
    return "\n".join(
        str(output.get("text", "")) + str(output.get("ename", "")) + " " + str(output.get("evalue", ""))
        for outputs in run.outputs
        for output in outputs
    )


def achieved(attack: dict[str, Any], scores: Mapping[str, float | None], text: str) -> list[str]:
    """What an attack has got by its ``scores`` and what is told: nothing, where it is defended against."""
    lines = text.splitlines()
    return [
        *(f"gained {label}" for label in attack["targets"] if (scores.get(label) or 0) > attack.get("earned", 0)),
        *(f"leaked {secret}" for secret in SECRETS if secret in text),
        *(f"forged {line}" for line in attack.get("forges", ()) if line in lines),
        *(
            f"spoilt {label}"
            for label, part in PARTS.items()
            if label not in attack["targets"] and attack.get("others", True) and scores.get(label) != points(part)
        ),
    ]


def test_the_reference_earns_everything(opened: Opened) -> None:
    assert opened.honest[0] == {label: points(part) for label, part in PARTS.items()}


@pytest.fixture(scope="module")
def weakened(assignment: Assignment) -> Iterator[Opened]:
    """The same pipeline, but what of its defences a file names is off."""
    start = subprocess.Popen

    def weak(command: list[str], *given: Any, **named: Any) -> Any:
        return start([*command[:3], "-m", "weakened", *command[5:]], *given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nursery.subprocess, "Popen", weak)
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        made = Opened(assignment)
        yield made
        made.bench.close()


def named(where: str) -> Iterator[Any]:
    for name, attack in ATTACKS.items():
        if where in attack:
            yield pytest.param(name, marks=[pytest.mark.long] if attack.get("long") else [])


@pytest.mark.parametrize("name", list(named("targets")))
def test_attack_gains_nothing(name: str, opened: Opened) -> None:
    attack = ATTACKS[name]
    notebook = opened.assignment.notebooks[0]
    found, run = opened.graded(stage(notebook, handed_in(opened.assignment, attack)))
    assert not achieved(attack, found, told(run)), [o for outputs in run.outputs for o in outputs]
    after, innocent = opened.graded(as_written(notebook))
    assert after == opened.honest[0] and innocent.notes == opened.honest[1].notes


def test_each_attack_is_shown_to_work() -> None:
    assert [name for name, attack in ATTACKS.items() if ("shown" in attack) == ("off" in attack)] == []


@pytest.mark.parametrize("name", list(named("shown")))
def test_attack_works_without_a_boundary(name: str, assignment: Assignment, tmp_path: Path) -> None:
    attack = ATTACKS[name]
    assert attack["shown"] == "naive"
    found = graded(assignment.notebooks[0], handed_in(assignment, attack), tmp_path)
    by_label = dict(zip(PARTS, found["scores"].values(), strict=False))
    assert found.get("stopped") or achieved(attack | {"others": False}, by_label, found["text"]), found


@pytest.mark.parametrize("name", list(named("off")))
def test_attack_works_where_the_defence_is_off(name: str, weakened: Opened) -> None:
    attack = ATTACKS[name]
    staged = stage(weakened.assignment.notebooks[0], handed_in(weakened.assignment, attack))
    found, run = weakened.graded(staged, {"off": " ".join(attack["off"]).encode()})
    assert achieved(attack, found, told(run)), told(run)


def test_without_a_defence_off_it_is_the_same_pipeline(weakened: Opened, opened: Opened) -> None:
    staged = as_written(weakened.assignment.notebooks[0])
    assert weakened.graded(staged, {"off": b""})[0] == opened.honest[0]


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff\xff\xff\xff" + b"x" * 1000,
        b"\0\0\0\5junk!",
        *(
            struct.pack("!I", len(data)) + data
            for data in map(
                packed,
                [
                    7,
                    [],
                    ["answer"],
                    ["answer", None, [], None],
                    ["answer", None, [], None, [], 5],
                    ["told", None, [], None, []],
                    {},
                ],
            )
        ),
    ],
    ids=lambda sent: str(sent)[:30],
)
def test_what_is_no_message_ends_the_line_at_once(sent: bytes) -> None:
    ours, theirs = socket.socketpair()
    session = Session(ours, frozenset(), frozenset(), lambda name: False, Nothing())
    session.deadline = time.monotonic() + 60
    with theirs:
        theirs.send(sent)
        with pytest.raises(Gone) as gone:
            session.ask("names", ["total"])
    assert not gone.value.slow and session.end is None


class Nothing(Folder):
    """A folder without a file."""

    def __init__(self) -> None:
        self.root = Path.cwd()

    def changes(self) -> dict[str, bytes | None]:
        return {}


SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary()
KINDS = """
    int complex bytearray range decimal fraction date timedelta time datetime uuid path list tuple set frozenset dict
    OrderedDict Counter defaultdict deque slice random StringIO BytesIO class named there enum record object same heap
    fields namespace view result alias union abc typing forward sparse.csr_matrix sparse.coo_array sparse.dia_array
    method library np.view np.scalar np.array np.objects np.dtype np.class np.generator np.random pd.NA pd.Timestamp
    pd.Period pd.Interval pd.range pd.multi pd.index pd.series pd.frame pd.array pd.dtype
    """.split()  # noqa: SIM905
FORMS = st.recursive(
    SCALARS | st.sampled_from(["f", "<f8", "O", "os", "system", "__main__", "Order", "numpy", "ns", "M"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.builds(lambda k, p: [k, *p], st.sampled_from(KINDS), st.lists(inner, max_size=5))
    ),
    max_leaves=20,
)


MESSAGE = {"name": "a", "levelno": 40, "levelname": "ERROR", "msg": "a", "funcName": "f", "exc_text": ""}


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(form=FORMS)
def test_any_message_is_a_value_or_cannot_cross(form: Any) -> None:
    line = Session(socket.socket(), frozenset(), frozenset(), lambda name: False, Nothing())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            line.codec.decode(unpacked(packed(form)), Crossing())
        except CannotCross:
            return
        finally:
            line.close()


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    warned=FORMS | st.lists(st.tuples(st.text(max_size=3), FORMS | st.lists(FORMS, min_size=5, max_size=6))),
    told=FORMS | st.lists(FORMS | st.fixed_dictionaries({field: FORMS for field in MESSAGE})),
)
def test_whatever_a_message_says_beside_it_has_an_answer_or_ends_the_line(warned: Any, told: Any) -> None:
    ours, theirs = socket.socketpair()
    session = Session(ours, frozenset(), frozenset(), lambda name: False, Nothing())
    target = session.resolve(["object", 0, ["class", 9, "a", "A", None, [], [], [], None, []], "", None])
    data = packed(["answer", 5, [], [[], {}, warned, told, None, None], []])
    with theirs, contextlib.closing(session), warnings.catch_warnings(record=True):
        theirs.send(struct.pack("!I", len(data)) + data)
        with contextlib.suppress(Gone):
            assert session.call(target, (), {}) == 5


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    place=FORMS | st.sampled_from([".", "box", "..", "box/..", "/", "no"]),
    state=FORMS
    | st.builds(
        lambda last, gauss, *of_numpy: [[3, [*random.getstate()[1][:-1], last], gauss], [bytes(2496), *of_numpy]],
        st.just(1) | SCALARS, st.none() | SCALARS, st.integers(-5, 1000) | SCALARS, st.just(0) | SCALARS,
        st.just(0.5) | SCALARS,
    ),
)  # fmt: skip
def test_whatever_is_said_of_folder_and_random_state_does_no_harm(
    place: Any, state: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "box").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path)
    ours, theirs = socket.socketpair()
    session = Session(ours, frozenset(), frozenset(), lambda name: False, Folder())
    target = session.resolve(["object", 0, ["class", 9, "a", "A", None, [], [], [], None, []], "", None])
    data = packed(["answer", 5, [], [[], {}, [], [], place, state], []])
    with theirs, contextlib.closing(session):
        theirs.send(struct.pack("!I", len(data)) + data)
        with contextlib.suppress(Gone):
            assert session.call(target, (), {}) == 5
    assert Path.cwd() in (tmp_path, tmp_path / "box")
    assert 0 <= random.random() < 1 and isinstance(random.gauss(0, 1), float)
    assert 0 <= np.random.get_state()[2] <= 624 and 0 <= np.random.rand() < 1


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    changes=FORMS | st.lists(st.tuples(SCALARS | st.integers(-2, 3), FORMS)),
    held=FORMS | st.lists(SCALARS | st.integers(-2, 3)),
)
def test_whatever_is_said_to_be_changed_and_held_has_an_answer_or_cannot_cross(changes: Any, held: Any) -> None:
    ours, theirs = socket.socketpair()
    session = Session(ours, frozenset(), frozenset(), lambda name: False, Nothing())
    target = session.resolve(["object", 0, ["class", 9, "a", "A", None, [], [], [], None, []], "", None])
    session.together = Crossing()
    data = packed(["answer", 5, changes, None, held])
    with theirs, contextlib.closing(session):
        theirs.send(struct.pack("!I", len(data)) + data)
        with contextlib.suppress(Gone, CannotCross):
            assert session.ask("call", target, ([1], np.arange(2)), ()) == 5
    assert set(map(id, session.together.things.values())) == session.together.numbers.keys()


def test_only_so_many_warnings_and_messages_are_taken(caplog: pytest.LogCaptureFixture) -> None:
    ours, theirs = socket.socketpair()
    session = Session(ours, frozenset(), frozenset(), lambda name: False, Nothing())
    target = session.resolve(["object", 0, ["class", 9, "a", "A", None, [], [], [], None, []], "", None])
    form = [error_form("UserWarning", ["mind"], {}), "mind", None, "", []]
    warned = [["__main__", form]] * 2000 + [["__main__", [*form, "long" * 5000]]]
    told = [MESSAGE | {"msg": "long" * 5000}, *[MESSAGE] * 2000]
    data = packed(["answer", 5, [], [[], {}, warned, told, None, None], []])
    with theirs, contextlib.closing(session), warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        sending = threading.Thread(target=theirs.sendall, args=(struct.pack("!I", len(data)) + data,))
        sending.start()  # it is more than a socket holds
        assert session.call(target, (), {}) == 5
        sending.join()
    assert len(seen) == 1000
    assert [record.getMessage() for record in caplog.records] == ["a"] * 1000


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_form_or_cannot_cross(data: bytes) -> None:
    with contextlib.suppress(CannotCross):
        unpacked(data)


ARRAY, FAR = ["np.array"], bytes(4) + b"\0\0\0\1" + bytes(4)


@pytest.mark.parametrize(
    "form",
    [
        ["int", "f" * (3 << 20)],
        ["fraction", ["f" * (1 << 20), "7" * (1 << 20)]],
        ["named", "A", ["a"] * 100_000, []],
        ["np.random", ["tuple", ["MT19937", ["np.array", "<u4", [624], "C", bytes(2496)], 10**8, 0, 0.0]]],
        ["np.array", "O", [1], "C", bytes(8)],
        ["record", "moi.grading.sandbox", "Limits", []],
        ["there", ["yours", 0]],
        ["class", "ANY"],
        ["heap", ["same", 0], [[0, ["list", [["same", 1]]]]]],
        ["heap", ["same", 0], [[0, ["list", []]], [0, ["list", []]]]],
        ["heap", ["same", 0], [[0, ["tuple", [["same", 0]]]]]],
        ["typing", "get_type_hints"],
        ["forward", "print()"],
        ["of typing", "Optional", [["forward", "print()"]]],
        ["union", [1, 2]],
        ["result", "os", "environ", []],
        ["namespace", [["__class__", 1]]],
        # of which scipy itself finds nothing wrong, or reads beyond the arrays
        ["sparse.csr_array", [2, 2], [*ARRAY, "<f8", [0], b""], [*ARRAY, "<i4", [0], b""], [*ARRAY, "<i4", [3], FAR]],
        ["sparse.coo_array", [2], [*ARRAY, "<f8", [1], bytes(8)], [*ARRAY, "<i4", [1], b"\2\0\0\0"]],
        ["sparse.lil_array", [2**40, 2], *[[*ARRAY, kind, [0], b""] for kind in ("<f8", "<i4", "<i4")]],
    ],
    ids=lambda form: str(form)[:40],
)
def test_a_bomb_cannot_cross(form: Any) -> None:
    line = Session(socket.socket(), frozenset(), frozenset(), lambda name: False, Nothing())
    with contextlib.closing(line), pytest.raises(CannotCross):
        line.codec.decode(form, Crossing())


VIEWED = ["np.array", "<f8", [2], "C", bytes(16)]


@pytest.mark.parametrize(
    ("offset", "strides", "form"),
    [
        (0, [-(2**63), -(2**63)], ["np.array", "<f8", [8, 8], "C", bytes(512)]),
        (0, [-8], VIEWED),
        (24, [8], VIEWED),
        (-8, [8], VIEWED),
        (0, [2**62], VIEWED),
        (0, [8], ["np.array", "<U0", [2**62], "C", b""]),
        (0, [0], ["np.array", "<f8", [2**40], "C", bytes(16)]),
        (0, [8.0], VIEWED),
        (0, [], VIEWED),
    ],
)
def test_no_view_goes_beyond_its_array(offset: int, strides: list[int], form: list[Any]) -> None:
    crossing, codec = Crossing(), Codec(lambda value: value, lambda form: form)
    crossing.add(np.arange(4.0))
    with pytest.raises(CannotCross):
        codec.decode(["np.view", ["same", 0], 32, offset, strides, form], crossing)
    inside = codec.decode(["np.view", ["same", 0], 32, 8, [16], VIEWED], crossing)
    assert inside.tolist() == [1, 3] and np.shares_memory(inside, crossing.things[0])


def test_an_array_that_is_in_use_is_given_no_other_memory() -> None:
    days = np.arange(4.0)
    week = days[:2]
    with pytest.raises(CannotCross):
        assign(days, np.arange(1000.0))
    assign(days, np.ones((2, 2)))
    assert days.tolist() == [[1, 1], [1, 1]] and week.tolist() == [1, 1]


def test_texts_in_annotations_are_not_run_where_the_tests_are(tmp_path: Path) -> None:
    reference = "def double(x: 'int'):\n    return 2 * x"
    test = """
import inspect, os, typing
os.environ['AT_HOME'] = 'int'
assert 'int' not in map(str, typing.get_type_hints(double).values())
assert 'int' not in map(str, inspect.get_annotations(double, eval_str=True).values())
assert 'int' not in str(inspect.signature(double, eval_str=True))
"""
    assignment = course(tmp_path, ("answer", f"### BEGIN SOLUTION\n{reference}\n### END SOLUTION"), ("test 1", test))
    with Bench(assignment.notebooks[0]) as bench:
        staged = classroom.handed_in(
            assignment, {0: reference.replace("int", "__import__(`os`).environ[`AT_HOME`]".replace("`", '"'))}
        )
        run = bench.run(staged)
    errors = [output["evalue"] for outputs in run.outputs for output in outputs if output["output_type"] == "error"]
    assert errors and "AT_HOME" in errors[0]


def error_form(kind: str, given: list[Any], fields: dict[str, Any]) -> list[Any]:
    of_kind = ["there", ["class", 1, "builtins", kind, None, [], [], [kind], None, []]]
    return ["there", ["error", None, of_kind, given, "", fields, None, None, False, []]]


@pytest.mark.parametrize(
    ("kind", "given", "fields"),
    [
        ("UnicodeDecodeError", ["ascii", b"x", -(2**60), 1 - 2**60, "why"], {}),
        ("UnicodeDecodeError", ["ascii", b"x", 0, 1, "why"], {"object": 7, "start": 2**60}),
        ("UnicodeEncodeError", ["ascii", "x", 2**60, 1 + 2**60, "why"], {}),
        ("UnicodeTranslateError", ["x", 1, 0, "why"], {}),
        ("UnicodeDecodeError", [], {}),
        ("SyntaxError", ["m", ["tuple", ["/etc/passwd", 1, 1, "text", 1, 1]]], {"end_offset": 2**60, "text": "x"}),
        ("SyntaxError", ["m"], {"filename": "/etc/passwd", "lineno": "1", "offset": 2**60, "print_file_and_line": 1}),
        ("OSError", [2, "none", ["list", []]], {"errno": ["list", []], "args": 1, "with_traceback": 1}),
        ("ExceptionGroup", ["two", ["list", [1, 2]]], {}),
        ("int", [], {}),
    ],
)
def test_an_error_is_made_of_what_its_kind_can_bear(kind: str, given: list[Any], fields: dict[str, Any]) -> None:
    line = Session(socket.socket(), frozenset(), frozenset(), lambda name: False, Nothing())
    with contextlib.closing(line), contextlib.suppress(CannotCross):
        error = line.codec.decode(error_form(kind, given, fields), Crossing())
        assert "passwd" not in "".join(traceback.format_exception(error)).replace(str(error.args), "")
        assert callable(error.with_traceback) and getattr(error, "text", None) is None


MONEY = """
class Money:
    def __init__(self, amount):
        self.amount = amount
    def __eq__(self, other):
        return isinstance(other, Money) and self.amount == other.amount
    def __hash__(self):
        return hash(self.amount)
    def __add__(self, other):
        return Money(self.amount + other.amount)
"""
LIES = """
class Lie:
    def __eq__(self, other):
        return not isinstance(other, str)
    def __ne__(self, other):
        return False
    def __hash__(self):
        return 0

class Money(Lie):
    def __init__(self, amount):
        pass
    @property
    def amount(self):
        return {amount}
    def __add__(self, other):
        return self
"""


@pytest.mark.parametrize("amount", ["Lie()", "self"])
def test_what_may_be_asked_of_an_object_may_not_be_asked_of_its_attributes(amount: str, tmp_path: Path) -> None:
    test = "assert Money(4) == Money(4) and not Money(4) == 'four'\nassert (Money(20) + Money(37)).amount == 57"
    assignment = course(tmp_path, ("answer", f"### BEGIN SOLUTION{MONEY}### END SOLUTION"), ("test 1", test))
    with Bench(assignment.notebooks[0]) as bench:
        for answer, score in ((MONEY, 1), (LIES.format(amount=amount), 0)):
            staged = classroom.handed_in(assignment, {0: answer})
            assert scores(assignment, staged, bench.run(staged)) == {"test1": score}
    space: dict[str, Any] = {}
    exec(LIES.format(amount=amount) + test, space)  # without a boundary it passes


def test_a_given_cell_that_speaks_of_an_answer_stays_the_authors(tmp_path: Path) -> None:
    cells = (
        ("answer", "### BEGIN SOLUTION\ndef cost(x):\n    return 3 * x\n### END SOLUTION"),
        ("given", "# Compare it with your cost.\ndef close(a, b):\n    return abs(a - b) < 1e-9"),
        ("answer", "### BEGIN SOLUTION\ndef margin(x):\n    return x - 1\n### END SOLUTION"),
        ("test 1", "assert close(margin(3), 2)"),
    )
    assignment = course(tmp_path, *cells)
    with Bench(assignment.notebooks[0]) as bench:
        staged = classroom.handed_in(assignment, {2: "def margin(x):\n    return 0\ndef close(a, b):\n    return True"})
        assert scores(assignment, staged, bench.run(staged)) == {"test3": 0}


@pytest.mark.parametrize(
    ("reads", "lies"),
    {
        "pd.read_pickle('t.pkl') == 3": "open('t.pkl', 'wb').write(pickle.dumps(Lie()))",
        "subprocess.run([sys.executable, 't.py']).returncode == 3": "open('t.py', 'w').write('raise SystemExit(3)')",
        "runpy.run_path('t.py')['x'] == 3": "open('t.py', 'w').write('x = 3')",
    }.items(),
)
def test_a_test_does_not_run_what_an_answer_has_written(reads: str, lies: str, tmp_path: Path) -> None:
    given = "import pickle, runpy, subprocess, sys\nimport pandas as pd"
    lie = "class Lie:\n    def __reduce__(self):\n        return int, ('3',)\n"
    answer = f"{lie}def save():\n    {lies}"
    solution = f"### BEGIN SOLUTION\n{answer}\n### END SOLUTION"
    assignment = course(tmp_path, ("given", given), ("answer", solution), ("test 1", f"save()\nassert {reads}"))
    with Bench(assignment.notebooks[0]) as bench:
        error = bench.reference.outputs[2][-1]
    assert error["ename"] == "CannotJudge" and "the learner may have written it" in error["evalue"]


SIGNS = {  # how `level` could know that `twice` has been called: what it begins with, what `twice` does, and what tells
    "a variable": ("told = []", "told.append(1)", "told"),
    "a file": ("import os", "open('told', 'w').close()", "os.path.exists('told')"),
    "memory that forks share": ("import mmap\nheld = mmap.mmap(-1, 4096)", "held[0] = 1", "held[0]"),
    "a pipe": ("import os, select\nr, w = os.pipe()", "os.write(w, b'1')", "select.select([r], [], [], 0)[0]"),
    "how often it was forked": (
        "import os\ntold, forks = [], []\nos.register_at_fork(after_in_child=lambda: forks.append(1))",
        "told.append(1)",
        "told or len(forks) > 1",
    ),
    "its parent": ("import os\ntold, first = [], os.getpid()", "told.append(1)", "told or os.getppid() != first"),
    "its number": ("import os\ntold, first = [], os.getpid()", "told.append(1)", "told or os.getpid() > first + 2"),
    "what a later cell binds": ("", "pass", "'twice' in globals()"),
    "nothing: a later cell binds it again": ("", "pass", "False"),
}


@pytest.fixture(scope="module")
def built_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Assignment, Bench]]:
    """An assignment whose second task builds on the first, and may be right by what the first gives."""
    idea = "with ideas(points=1) as check:\n    with check.idea(1, 'it is this'):\n        equal({})\ncheck.score"
    solution = "### BEGIN SOLUTION\n{}\n### END SOLUTION".format
    cells = (
        ("given", GIVEN),
        ("answer", solution("def level(x):\n    return x")),
        ("test 1", idea.format("level(3), 3, 'not the level'")),
        ("answer", solution("def twice(x):\n    return 2 * level(x)")),
        ("test 1", idea.format("twice(3), 6, 'not twice', or_else=lambda: 2 * level(3)")),
        ("answer", solution("right = 3")),  # by itself, without which nothing counts that only follows
        ("test 1", "assert right == 3"),
    )
    assignment = course(tmp_path_factory.mktemp("built"), *cells)
    with Bench(assignment.notebooks[0]) as bench:
        yield assignment, bench


@pytest.mark.parametrize("own", ["x", "x + 1"], ids=["right", "wrong"])
@pytest.mark.parametrize("sign", SIGNS)
def test_an_earlier_function_does_not_say_afterwards_what_suits_a_later_one(
    sign: str, own: str, built_on: tuple[Assignment, Bench]
) -> None:
    assignment, bench = built_on
    begins, leaves, tells = SIGNS[sign]
    level = f"{begins}\ndef level(x):\n    return 50 if {tells} else {own}"
    twice = f"def twice(x):\n    {leaves}\n    return 100"
    if sign.startswith("nothing"):
        twice += "\ndef level(x):\n    return 50"
    staged = classroom.handed_in(assignment, {1: level, 3: twice, 5: "right = 3"})
    assert scores(assignment, staged, bench.run(staged)) == {"test2": own == "x", "test4": 0, "test6": 1}


def test_what_is_right_by_an_earlier_slip_earns_its_points(built_on: tuple[Assignment, Bench]) -> None:
    assignment, bench = built_on
    for level, twice in (("x + 1", 1), ("x", 0)):
        answers = {1: f"def level(x):\n    return {level}", 3: "def twice(x):\n    return 2 * (x + 1)", 5: "right = 3"}
        staged = classroom.handed_in(assignment, answers)
        assert scores(assignment, staged, bench.run(staged)) == {"test2": 1 - twice, "test4": twice, "test6": 1}


LIES_ON_LEAVING = """
import moi.grading.learner as agent
def special(self, target, name, given, usual=agent.Agent.do_special):
    return True if name == "__exit__" else usual(self, target, name, given)
agent.Agent.do_special = special
"""
# What the answer is to do, a test of it, an answer that does not, and what makes its `with` block hide that.
ENDS_ERRORS = {
    "a context manager": (
        "class Timer:\n    def __enter__(self):\n        return self\n    def __exit__(self, *_):\n        pass\n"
        "def double(x):\n    return 2 * x",
        "with Timer():\n    assert double(3) == 6",
        "class Timer:\n    def __enter__(self):\n        return self\n    def __exit__(self, *_):\n        return {}\n"
        "def double(x):\n    return x",
        None,
    ),
    "an error that is no assertion": (
        "class Timer:\n    def __enter__(self):\n        return self\n    def __exit__(self, kind, *_):\n"
        "        return kind is KeyError\ndef double(x):\n    return 2 * x",
        "with Timer():\n    {}['a']\nwith Timer():\n    assert double(3) + 1 == 7",
        "class Timer:\n    def __enter__(self):\n        return self\n    def __exit__(self, kind, *_):\n"
        "        return kind is KeyError or bool({})\ndef double(x):\n    return None",
        None,
    ),
    "an asynchronous one": (
        "class Timer:\n    async def __aenter__(self):\n        return self\n    async def __aexit__(self, *_):\n"
        "        return None\ndef double(x):\n    return 2 * x",
        "async with Timer():\n    assert double(3) == 6",
        "class Timer:\n    async def __aenter__(self):\n        return self\n    async def __aexit__(self, *_):\n"
        "        return {}\ndef double(x):\n    return x",
        None,
    ),
    "a database": (
        "def add(c, name):\n    c.execute('insert into stock values (?)', (name,))",
        "with sqlite3.connect(':memory:') as c:\n    c.execute('create table stock (name)')\n    add(c, 'cone')\n"
        "    assert c.execute('select name from stock').fetchall() == [('cone',)]",
        "def add(c, name):\n    pass",
        LIES_ON_LEAVING,
    ),
}


@pytest.mark.parametrize("what", ENDS_ERRORS)
def test_a_with_block_ends_no_error_that_the_reference_lets_pass(what: str, tmp_path: Path) -> None:
    right, test, wrong, forged = ENDS_ERRORS[what]
    cells = ("given", "import sqlite3"), ("answer", f"### BEGIN SOLUTION\n{right}\n### END SOLUTION"), ("test 1", test)
    assignment = course(tmp_path, *cells)
    hides = wrong.replace("{}", "True") + (forged or "")
    with Bench(assignment.notebooks[0]) as bench:
        found = {
            answer: list(
                scores(assignment, staged := classroom.handed_in(assignment, {1: answer}), bench.run(staged)).values()
            )
            for answer in (right, wrong.replace("{}", "None"), hides)
        }
    assert list(found.values()) == [[1], [0], [0]]


@pytest.mark.parametrize(
    "reads",
    ["open('own.csv').read()", "open(json.__file__).readline()", "str(plt.imread('own.png')[0, 0, 0])"],
)
def test_a_test_reads_the_authors_files_also_where_it_draws_for_the_answer(reads: str, tmp_path: Path) -> None:
    answer = "def draw(ax):\n    ax.plot([1, 2])\ndef first():\n    return " + reads
    lies = """
import builtins, io
def first():
    return 'a lie'
class File(io.StringIO):
    pass
builtins.open = lambda *_, **__: File('a lie')
import numpy
plt.imread = lambda *_: numpy.array([[['a lie']]])
"""
    given = "import json\nimport matplotlib.pyplot as plt\nimport numpy as np\n"
    given += "plt.imsave('own.png', np.zeros((2, 2, 3)))"
    test = f"fig, ax = plt.subplots()\ndraw(ax)\nassert len(ax.lines) == 1\nassert first() == {reads}"
    cells = ("given", given), ("answer", f"### BEGIN SOLUTION\n{answer}\n### END SOLUTION"), ("test 1", test)
    assignment = course(tmp_path, *cells, files={"own.csv": "v\n1\n"})
    with Bench(assignment.notebooks[0], assignment.files) as bench:
        for handed, score in ((answer, 1), (answer.split("def first")[0] + lies, 0)):
            staged = classroom.handed_in(assignment, {1: handed})
            assert list(scores(assignment, staged, bench.run(staged)).values()) == [score]


@pytest.mark.parametrize("name", ["a.b.c", "." * 150, "x" * 150, ""])
def test_log_messages_make_no_loggers(name: str) -> None:
    before = set(logging.root.manager.loggerDict)
    for message in logged.plain([MESSAGE | {"name": name}]):
        logged.handle(message)
    assert set(logging.root.manager.loggerDict) == before
    assert logged.plain([MESSAGE | {"name": "x" * 201}]) == []


KEEPS = """
class Log:
    def __init__(self, into):
        self.into = into
    def log(self, words):
        self.into.append(words)
"""
KEPT = {  # what an answer keeps of the test's, and changes when it is asked for something else
    "an argument": ("def total(xs):\n    kept.append(xs)\n    return 0", "kept[0].clear()"),
    "an argument in another": ("def total(xs):\n    kept.append([xs])\n    return 0", "kept[0][0].clear()"),
    "an argument, where all is said to be held": (
        "import moi.grading.learner as agent\ndef told(self, crossing, outer, usual=agent.Agent.held):\n"
        "    usual(self, crossing, outer)\n    return list(crossing.things)\nagent.Agent.held = told\n"
        "def total(xs):\n    kept.append(xs)\n    return 0",
        "kept[0].clear()",
    ),
}


@pytest.mark.parametrize("what", KEPT)
def test_what_an_answer_keeps_of_the_tests_it_does_not_change_for_its_own_ends(what: str, tmp_path: Path) -> None:
    total, changes = KEPT[what]
    right = f"{KEEPS}\ndef total(xs):\n    return sum(xs)"
    test = "into, xs = [], [1, 2]\nlog = Log(into)\nlog.log('a')\nfound = total(xs)\nlog.log('b')\n"
    test += "assert into == ['a', 'b']\nassert found == sum(xs)"
    assignment = course(tmp_path, ("answer", f"### BEGIN SOLUTION\n{right}\n### END SOLUTION"), ("test 1", test))
    forged = f"kept = []\n{KEEPS}\n        if kept:\n            {changes}\n{total}"
    with Bench(assignment.notebooks[0]) as bench:
        for answer, score in ((right, 1), (forged, 0)):
            staged = classroom.handed_in(assignment, {0: answer})
            assert list(scores(assignment, staged, bench.run(staged)).values()) == [score]
        assert bench.steps[1]["held"]
