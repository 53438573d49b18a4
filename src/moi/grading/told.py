"""What a learner is told of a test cell: never what only the hidden tests, or the code that they have called, can know.

A learner's function that has seen the case of a hidden test can say it in its own words: as the value in a message,
as an error, or in a later test through memory that it shares. So from the first hidden test on only sentences that
stand in the author's source are told as they are. Other words are taken from a second run of the visible tests, in a
judge and processes that have seen no hidden one.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import os
import re
import traceback
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import IPython

from moi.grading import checks
from moi.grading.line import Gone
from moi.grading.remote import CannotJudge

# Whose frames say nothing of a test or of a learner's code; in a learner's trace they are text.
_GRADERS = tuple(os.path.dirname(file) + os.sep for file in (__file__, IPython.__file__))
_FRAME = re.compile(rf'^  File "(?:{"|".join(map(re.escape, _GRADERS))})[^"\n]*", line .*\n(?:    .*\n)*', re.MULTILINE)
_ALSO_HIDDEN = "a hidden test does not hold"
_NOT_AGAIN = "this test does not hold"
# Sentences of `checks`, which are the same whatever a learner's code says.
_OF_FORM = re.compile(
    r"a (text|list|number) is needed(, in quotation marks)?; got (True or False|text|a number|a dictionary|a list"
    r"|nothing \(None\): is a return missing\?)"
    r"|your code (took too long|has ended)"
)


def error(failure: BaseException, step: dict[str, Any], revealed: bool) -> dict[str, Any]:
    """The error of a test cell: what a learner may read of it, and everything, for the instructor.

    ``revealed``: the learner's code has seen hidden cases, so that what it says is not told.
    """
    frames = [f for f in traceback.extract_tb(failure.__traceback__) if "ipython-input" in f.filename]
    hidden = bool(frames) and checks.is_hidden(frames[-1].lineno)
    theirs = getattr(failure, "learners_line", None)
    words = checks.text_of(failure)
    authors = _is_stated(words, step, frames[-1].lineno if frames else None)
    # What follows in the visible tests may fail too, and then it is told.
    last = not hidden or checks.is_hidden(len(step["text"].splitlines()))
    settled = isinstance(failure, AssertionError) and last and (not words or authors)
    if hasattr(failure, "learners_trace"):
        settled = False
        if hidden or revealed:
            told = "your code stopped with an error that is not shown, as it could give a hidden case away"
        else:
            told = ", ".join(filter(None, (words, theirs and f"at {theirs!r}")))
        if isinstance(failure, NotImplementedError) and not words:
            told, settled = checks.NOT_DONE, True
    elif isinstance(failure, Gone):
        told = re.sub("^it ", "your code ", words)
    elif isinstance(failure, CannotJudge) or not (hidden or revealed) or authors:
        told = words
    else:
        told = _ALSO_HIDDEN if hidden else _NOT_AGAIN
    full = _without_the_grader(failure)
    if trace := getattr(failure, "learners_trace", ""):
        full += f"\nIn the learner's process:\n{_FRAME.sub('', trace)}"
    name = next(kind.__name__ for kind in type(failure).__mro__ if "remote" not in vars(kind) or not revealed)
    if isinstance(failure, Gone):
        name = "Ended"
    elif hasattr(failure, "learners_trace") and (hidden or revealed) and not settled:
        name = "Error"  # a learner's code chooses among many
    trace = full.splitlines()[-200:]
    return {"output_type": "error", "ename": name, "evalue": told, "traceback": trace, "settled": settled}


def _without_the_grader(failure: BaseException) -> str:
    """The traceback, without what stands between the lines of the test and the error."""
    whole = traceback.TracebackException.from_exception(failure)
    left = [whole]
    while left:
        one = left.pop()
        one.stack[:] = [frame for frame in one.stack if not frame.filename.startswith(_GRADERS)]
        left += filter(None, (one.__cause__, one.__context__, *(one.exceptions or ())))
    return "".join(whole.format())


def _is_stated(words: str, step: dict[str, Any], line: int | None) -> bool:
    """Whether the test's source states ``words`` at this line, and they are no value that happens to be the same."""
    with contextlib.suppress(SyntaxError):
        for node in ast.walk(ast.parse(step["text"])):
            if isinstance(node, ast.Assert) and line is not None and node.lineno <= line <= (node.end_lineno or 0):
                return isinstance(node.msg, ast.Constant) and str(node.msg.value) == words
        return _in_a_line(words) in step["sentences"]
    return False


def sentences(source: str, learners: Collection[str], hidden: Sequence[Sequence[int]]) -> list[str]:
    """What a test's source has to say. Other texts in it may be cases, which a learner's code could give back.

    ``learners`` are the names that learners bind; ``hidden`` are the first and last lines of what they do not see.
    """
    found: set[str] = set()
    cases: set[str] = set()

    def is_case(target: ast.expr, node: ast.stmt) -> bool:
        """Whether a hidden line binds here what a learner's function is then given."""
        names = {name.id for name in ast.walk(target) if isinstance(name, ast.Name)}
        return not cases.isdisjoint(names) and any(first <= node.lineno <= last for first, last in hidden)

    def look(node: ast.AST, shortest: int = 3) -> None:
        match node:
            case ast.Constant(str(text)) if len(text.split()) >= shortest:
                found.add(text)
            case ast.Raise(ast.Call(_, [ast.Constant(str(text))])):
                found.add(text)
            case ast.Call(ast.Name(name), given, named) if name in checks.SAYS:
                says = [*given[checks.SAYS[name] :][:1], *(option.value for option in named if option.arg == "says")]
                for each in says:
                    look(each, 1)
                for option in named:
                    if option.arg == "slips" and isinstance(option.value, (ast.List, ast.Tuple)):
                        for slip in option.value.elts:
                            look(slip.elts[-1] if isinstance(slip, ast.Tuple) and slip.elts else slip, 1)
            case ast.Call(ast.Name(name), given, named) if name not in learners:  # a function of the test's own
                for each in (*given, *(option.value for option in named)):
                    look(each, shortest)
            case ast.Compare() | ast.Call() | ast.JoinedStr():
                pass
            case ast.Assign([target], _) if is_case(target, node):
                pass
            case ast.For(ast.Tuple(targets), ast.List(rows) | ast.Tuple(rows), body, _) if is_case(node.target, node):
                for row in rows:
                    parts = row.elts if isinstance(row, ast.Tuple) else []
                    for target, part in zip(targets, parts, strict=False):
                        if not is_case(target, node):
                            look(part, shortest)
                for statement in body:
                    look(statement, shortest)
            case ast.For(target, _, body, _) if is_case(target, node):
                for statement in body:
                    look(statement, shortest)
            case _:
                for child in ast.iter_child_nodes(node):
                    look(child, shortest)

    with contextlib.suppress(SyntaxError):
        tree = ast.parse(source)
        cases |= _given(tree, learners)
        look(tree)
    return sorted(map(_in_a_line, found))


def _given(tree: ast.AST, learners: Collection[str]) -> set[str]:
    """The names in what a test gives to the learner's functions, and of lists of such things that it goes through."""
    nodes = list(ast.walk(tree))
    calls = [n for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in learners]
    parts = [part for call in calls for part in (*call.args, *(option.value for option in call.keywords))]
    names = {name.id for part in parts for name in ast.walk(part) if isinstance(name, ast.Name)}
    loops = [node for node in nodes if isinstance(node, ast.For | ast.comprehension)]
    for loop in loops:
        gone_through = {name.id for name in ast.walk(loop.target) if isinstance(name, ast.Name)}
        if isinstance(loop.iter, ast.Name) and not names.isdisjoint(gone_through):
            names.add(loop.iter.id)
    return names


def _in_a_line(text: str) -> str:
    return " ".join(text.split())


def report(lines: Sequence[str]) -> dict[str, Any]:
    """The lines that :mod:`~moi.grading.checks` has to say of a test's ideas, as an output of the test."""
    kept = [
        [line.head, _in_a_line(line.told)] if isinstance(line, checks.Failed) else ["", _in_a_line(line)]
        for line in lines
    ]
    return {"output_type": "stream", "name": "stdout", "text": _text(kept), "ideas": kept}


def _text(ideas: list[list[str]]) -> str:
    return "".join(f"{head}{told}\n" for head, told in ideas)


def for_learners(outputs: list[Any]) -> list[Any]:
    """Those of a test cell's outputs that a learner sees. A number as its result is the score."""
    return [o for o in outputs if not (o.get("metadata") or {}).get("moi") and not _is_score(o)]


def mark(outputs: list[Any]) -> str:
    """The same for two runs in which a learner is told the same."""
    told = [[o.get(key) for key in ("output_type", "text", "ename", "evalue", "data")] for o in for_learners(outputs)]
    return hashlib.sha256(repr(told).encode("utf-8", "surrogatepass")).hexdigest()


def settled(outputs: list[Any], step: dict[str, Any]) -> bool:
    """Whether all that a learner is told of a test is in the author's own words, as they stand in its source."""
    return all(
        output.get("settled", False)
        or ("ideas" in output and all(not head or told in step["sentences"] for head, told in output["ideas"]))
        for output in for_learners(outputs)
    )


def merged(outputs: list[Any], visible: list[Any] | None, step: dict[str, Any]) -> list[Any]:
    """``outputs`` of all tests of a cell, but what a learner is told as it is in those of the ``visible`` ones.

    These show what they show, and give no mark: nbgrader would take the first result of a cell for it.
    """
    visible = visible or []
    errors = [output for output in visible if output["output_type"] == "error"]
    result = [_shown(o) for o in visible if o in for_learners(visible) and o not in errors and "ideas" not in o]
    for output in outputs:
        if output["output_type"] == "error" and errors:
            result.append(output | {"ename": errors[0]["ename"], "evalue": errors[0]["evalue"]})
        elif "ideas" in output:
            known = dict(idea for other in visible for idea in other.get("ideas", ()))
            result.append(output | {"text": _text(_retold(output["ideas"], known, step["sentences"]))})
        elif output["output_type"] == "error" or output not in for_learners(outputs):
            result.append(output)
    return result


def _shown(output: dict[str, Any]) -> dict[str, Any]:
    """``output``, but a result as what is displayed."""
    if output["output_type"] != "execute_result":
        return output
    return {"output_type": "display_data", **{key: output[key] for key in ("data", "metadata") if key in output}}


def _retold(ideas: list[list[str]], visible: Mapping[str, str], sentences: Collection[str]) -> list[list[str]]:
    """The ideas, where one has failed in words that could hold a value with those of the visible tests."""
    return [
        [head, said if not head or said in sentences else visible.get(head, _without_value(said))]
        for head, said in ideas
    ]


def _without_value(said: str) -> str:
    return said if _OF_FORM.fullmatch(said) else _ALSO_HIDDEN


def _is_score(output: dict[str, Any]) -> bool:
    if output["output_type"] != "execute_result":
        return False
    with contextlib.suppress(ValueError):
        return float(output["data"].get("text/plain", "")) is not None
    return False
