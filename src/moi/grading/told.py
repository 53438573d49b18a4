"""What a learner is told of a test cell: never what only the hidden tests, or the code that they have called, can know.

A learner's function that has seen the case of a hidden test can say it in its own words: as the value in a message,
as an error, or in a later test through memory that it shares. So from the first hidden test on only sentences that
stand in the author's source are told as they are. Other words are taken from a second run of the visible tests, in
processes that have seen no hidden one.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import re
import traceback
from typing import Any

from moi.grading import checks
from moi.grading.line import Gone
from moi.grading.remote import CannotJudge

_ALSO_HIDDEN = "a hidden test does not hold"
_NOT_AGAIN = "this test does not hold"
# Words of `checks` and no others, in which a learner's code could say little.
_OF_FORM = re.compile(
    r"a [\w ,]+ is needed; got (True or False|text|a number|a dictionary|a list"
    r"|nothing \(None\): is a return missing\?)|your code stopped with (an error|[A-Z]\w+)"
)
_IDEA = re.compile(r"✗ .* \([\d.]+\): ")


def error(failure: BaseException, step: dict[str, Any], revealed: bool) -> dict[str, Any]:
    """The error of a test cell: what a learner may read of it, and everything, for the instructor.

    ``revealed``: the learner's code has seen hidden cases, so that what it says is not told.
    """
    frames = [f for f in traceback.extract_tb(failure.__traceback__) if "ipython-input" in f.filename]
    hidden = bool(frames) and checks.is_hidden(frames[-1].lineno)
    theirs = getattr(failure, "learners_line", None)
    words = checks.text_of(failure)
    authors = _is_stated(words, step["text"], frames[-1].lineno if frames else None)
    # What follows in the visible tests may fail too, and then it is told.
    last = not hidden or checks.is_hidden(len(step["text"].splitlines()))
    settled = isinstance(failure, AssertionError) and last and (not words or authors)
    if hasattr(failure, "learners_trace"):
        settled = False
        if hidden or revealed:
            told = "your code stopped with this error"
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
    full = "".join(traceback.format_exception(failure))
    if trace := getattr(failure, "learners_trace", ""):
        full += f"\nIn the learner's process:\n{trace}"
    name = next(kind.__name__ for kind in type(failure).__mro__ if "remote" not in vars(kind) or not revealed)
    if isinstance(failure, Gone):
        name = "Ended"
    trace = full.splitlines()[-200:]
    return {"output_type": "error", "ename": name, "evalue": told, "traceback": trace, "settled": settled}


def _is_stated(words: str, source: str, line: int | None) -> bool:
    """Whether the source states ``words`` at this line, and they are no value that happens to be the same."""
    with contextlib.suppress(SyntaxError):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Assert) and line is not None and node.lineno <= line <= (node.end_lineno or 0):
                return isinstance(node.msg, ast.Constant) and str(node.msg.value) == words
    return words in _texts(source)


def _texts(source: str) -> set[str]:
    """The texts that stand in a test's source as they are: they hold nothing of the learner's."""
    with contextlib.suppress(SyntaxError):
        return {str(node.value) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    return set()


def for_learners(outputs: list[Any]) -> list[Any]:
    """Those of a test cell's outputs that a learner sees. A number as its result is the score."""
    return [o for o in outputs if not (o.get("metadata") or {}).get("moi") and not _is_score(o)]


def mark(outputs: list[Any]) -> str:
    """The same for two runs in which a learner is told the same."""
    told = [[o.get(key) for key in ("output_type", "text", "ename", "evalue", "data")] for o in for_learners(outputs)]
    return hashlib.sha256(repr(told).encode("utf-8", "surrogatepass")).hexdigest()


def settled(outputs: list[Any], source: str) -> bool:
    """Whether all that a learner is told of a test is in the author's own words, as they stand in its ``source``."""
    texts = _texts(source)
    return all(
        output.get("settled", False)
        or (output.get("ideas", False) and all(_is_authors(line, texts) for line in output["text"].splitlines()))
        for output in for_learners(outputs)
    )


def _is_authors(line: str, texts: set[str]) -> bool:
    if idea := _IDEA.match(line):
        return line.removeprefix(idea[0]) in texts
    return line.startswith(("✓ ", "○ ", checks.NOT_DONE)) or bool(checks.COUNT.fullmatch(line))


def merged(outputs: list[Any], visible: list[Any] | None, source: str) -> list[Any]:
    """``outputs`` of all tests of ``source``, but what a learner is told as it is in those of the ``visible`` ones."""
    visible = visible or []
    errors = [output for output in visible if output["output_type"] == "error"]
    result = [o for o in visible if o in for_learners(visible) and o not in errors and not o.get("ideas")]
    for output in outputs:
        if output["output_type"] == "error" and errors:
            result.append(output | {"ename": errors[0]["ename"], "evalue": errors[0]["evalue"]})
        elif output.get("ideas"):
            known = "".join(o["text"] for o in visible if o.get("ideas"))
            result.append(output | {"text": _ideas(output["text"], known, _texts(source))})
        elif output["output_type"] == "error" or output not in for_learners(outputs):
            result.append(output)
    return result


def _ideas(text: str, visible: str, texts: set[str]) -> str:
    """The lines of ``text``, where a failed idea has words that could hold a value with those of the visible tests."""
    known = {found[0]: line for line in visible.splitlines() if (found := _IDEA.match(line))}

    def told(line: str) -> str:
        if not (found := _IDEA.match(line)):
            return line
        said = line.removeprefix(found[0])
        if said in texts:
            return line
        return known.get(found[0], line if _OF_FORM.fullmatch(said) else found[0] + _ALSO_HIDDEN)

    return "\n".join(map(told, text.splitlines())) + "\n"


def _is_score(output: dict[str, Any]) -> bool:
    if output["output_type"] != "execute_result":
        return False
    with contextlib.suppress(ValueError):
        return float(output["data"].get("text/plain", "")) is not None
    return False
