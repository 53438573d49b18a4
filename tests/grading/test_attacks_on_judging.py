"""Submissions made to gain points or secrets from the judging, or to harm it, gain nothing and leave nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from classroom import course, scores
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from naive import graded

from moi.grading import run as running
from moi.grading.assignment import Assignment
from moi.grading.codec import CannotCross, Crossing, packed, unpacked
from moi.grading.remote import Session
from moi.grading.run import Bench, Run, as_written
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
"""


def cells() -> Iterator[tuple[str, str]]:
    yield "given", GIVEN
    for part in PARTS.values():
        yield "answer", f"### BEGIN SOLUTION\n{part['reference']}### END SOLUTION"
        yield f"test {part.get('points', 1)}", part["test"]


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

    def graded(self, staged: Staged) -> tuple[dict[str, float], Run]:
        run = self.bench.run(staged)
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


def gained(attack: dict[str, Any], found: dict[str, float | None]) -> list[str]:
    return [label for label in attack["targets"] if (found.get(label) or 0) > attack.get("earned", 0)]


def leaked(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


def test_the_reference_earns_everything(opened: Opened) -> None:
    assert opened.honest[0] == {label: part.get("points", 1) for label, part in PARTS.items()}


@pytest.fixture(scope="module")
def weakened(assignment: Assignment) -> Iterator[Opened]:
    """The same pipeline with its defences off."""
    start = subprocess.Popen

    def weak(command: list[str], *given: Any, **named: Any) -> Any:
        return start([*command[:3], "-m", "weakened", *command[-2:]], *given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running.subprocess, "Popen", weak)
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        made = Opened(assignment)
        yield made
        made.bench.close()


def named(*, shown: str | None = None) -> Iterator[Any]:
    for name, attack in ATTACKS.items():
        if shown is None or attack["shown"] == shown:
            marks = [pytest.mark.long] if attack.get("long") else []
            if "remains" in attack and shown is None:
                marks.append(pytest.mark.xfail(strict=True, reason=attack["remains"]))
            yield pytest.param(name, marks=marks)


@pytest.mark.parametrize("name", list(named()))
def test_attack_gains_nothing(name: str, opened: Opened) -> None:
    attack = ATTACKS[name]
    notebook = opened.assignment.notebooks[0]
    found, run = opened.graded(stage(notebook, handed_in(opened.assignment, attack)))
    assert not gained(attack, found), [o for outputs in run.outputs for o in outputs]
    assert not leaked(told(run))
    if attack.get("others", True):
        assert {label: found[label] for label in found if label not in attack["targets"]} == {
            label: score for label, score in opened.honest[0].items() if label not in attack["targets"]
        }
    after, innocent = opened.graded(as_written(notebook))
    assert after == opened.honest[0] and innocent.notes == opened.honest[1].notes


@pytest.mark.parametrize("name", list(named(shown="naive")))
def test_attack_works_without_a_boundary(name: str, assignment: Assignment, tmp_path: Path) -> None:
    attack = ATTACKS[name]
    found = graded(assignment.notebooks[0], handed_in(assignment, attack), tmp_path)
    by_label = dict(zip(PARTS, found["scores"].values(), strict=False))
    assert found.get("stopped") or gained(attack, by_label) or leaked(found["text"]), found


@pytest.mark.parametrize("name", list(named(shown="weak")))
def test_attack_works_where_the_defences_are_off(name: str, weakened: Opened) -> None:
    attack = ATTACKS[name]
    found, run = weakened.graded(stage(weakened.assignment.notebooks[0], handed_in(weakened.assignment, attack)))
    assert gained(attack, found) or leaked(told(run)), told(run)


SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary()
KINDS = """
    int complex bytearray range decimal fraction date timedelta time datetime uuid path list tuple set frozenset dict
    OrderedDict Counter defaultdict deque slice random StringIO BytesIO class named there enum record object same new
    np.scalar np.array np.objects np.dtype np.class np.generator np.random pd.NA pd.Timestamp pd.Period pd.Interval
    pd.range pd.multi pd.index pd.series pd.frame pd.array pd.dtype
    """.split()  # noqa: SIM905
FORMS = st.recursive(
    SCALARS | st.sampled_from(["f", "<f8", "O", "os", "system", "__main__", "Order", "numpy", "ns", "M"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.builds(lambda k, p: [k, *p], st.sampled_from(KINDS), st.lists(inner, max_size=5))
    ),
    max_leaves=20,
)


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(form=FORMS)
def test_any_message_is_a_value_or_cannot_cross(form: Any) -> None:
    line = Session(socket.socket(), frozenset(), frozenset(), lambda name: False, None)  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            line.codec.decode(unpacked(packed(form)), Crossing())
        except CannotCross:
            return
        finally:
            line.close()


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_form_or_cannot_cross(data: bytes) -> None:
    with contextlib.suppress(CannotCross):
        unpacked(data)


@pytest.mark.parametrize(
    "form",
    [
        ["int", "f" * (3 << 20)],
        ["fraction", ["f" * (1 << 20), "7" * (1 << 20)]],
        ["named", "A", ["a"] * 100_000, []],
        ["np.random", ["tuple", ["MT19937", ["np.array", "<u4", [624], bytes(2496)], 10**8, 0, 0.0]]],
        ["np.array", "O", [1], bytes(8)],
        ["record", "moi.grading.sandbox", "Limits", []],
        ["there", ["yours", 0]],
        ["class", "ANY"],
    ],
    ids=lambda form: str(form)[:40],
)
def test_a_bomb_cannot_cross(form: Any) -> None:
    line = Session(socket.socket(), frozenset(), frozenset(), lambda name: False, None)  # type: ignore[arg-type]
    with contextlib.closing(line), pytest.raises(CannotCross):
        line.codec.decode(form, Crossing())
