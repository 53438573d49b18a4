"""The answers kept for an assignment, dealt out to few students, so that a few submissions try them all."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from nbformat import NotebookNode

from moi.grading.demo_class import DUE, Answer, Assignment, Student


def hands(assignment: Assignment, answers: Iterable[Answer]) -> list[list[Answer]]:
    """No student has two for one cell, or one for a cell that another of theirs builds on."""
    below = _built_on(assignment.solved)
    dealt: list[list[Answer]] = []
    for answer in answers:
        for hand in dealt:
            if not any(answer.cell in below[other.cell] or other.cell in below[answer.cell] for other in hand):
                hand.append(answer)
                break
        else:
            dealt.append([answer])
    return dealt


def work(assignment: Assignment, hand: Iterable[Answer]) -> NotebookNode:
    """What a student with this hand submits: elsewhere the solution's answers, and nothing in words."""
    return assignment.work(Student(0, "ordinary", DUE, len(assignment.solved), tuple(hand), (), {}))


def _built_on(solved: Mapping[str, str]) -> dict[str, set[str]]:
    """Each answer cell with itself and those whose functions it uses, directly or through others."""
    made: dict[str, set[str]] = {}
    below: dict[str, set[str]] = {}
    for cell, source in solved.items():
        tree = ast.parse(source)
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        below[cell] = {cell}.union(*(below[other] for other, names in made.items() if names & used))
        made[cell] = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return below
