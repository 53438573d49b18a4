"""What a learner reads about graded work: one page, in place of nbgrader's own feedback.

``c.GenerateFeedback.exporter_class = "moi.grading.feedback.Feedback"`` is all that nbgrader needs. The page keeps to
itself what is not for the learner: hidden tests, mark schemes, outputs for the instructor, tracebacks of test cells,
paths of the machine. It runs no script and loads nothing: formulas stay in TeX.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import nh3
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from nbconvert.exporters import Exporter
from nbconvert.filters.ansi import ansi2html, strip_ansi
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from nbgrader.preprocessors import ClearHiddenTests, ClearMarkScheme, ClearSolutions, GetGrades
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from moi.grading.checks import COUNT
from moi.grading.clean import (
    DATA_URL,
    Canvas,
    clean_attachments,
    clean_html,
    clean_markdown,
    clean_outputs,
    clean_text,
    outside,
)

HIDDEN = "hidden tests, which are not shown"
_LIGHT, _DARK = "xcode", "github-dark"
_IDEA = re.compile(r"(?P<mark>[✓✗○]) (?P<what>.*?) \((?P<points>\d[\d.]*)\)(?:: (?P<message>.*))?")
_PATH = re.compile(
    r"""(?:file://|(?<![\w/:.~<…-]))(?:~/(?=[^\s/])|/(?=[^\s/]+/))(?:[^\s/\\'"<>:|]+/)*([^\s/\\'"<>:|]*)"""
)
_WINDOWS_PATH = re.compile(r"""\b[A-Za-z]:\\(?:[^\s\\/'"<>:|]+\\)+([^\s\\/'"<>:|]*)""")
_POINTS = re.compile(r"\s*\(\d[\d.]* points?\b[^()]*\)$")  # at the end of a heading: they are said beside it
_CLASS = re.compile(r"[a-z0-9]{1,3}|highlight|tex|task-list-item(-checkbox)?|ansi-[a-z-]+")
_STYLE = re.compile(r"text-align:\s*(left|right|center)|(background-)?color: rgb\(\d+,\d+,\d+\)")


@dataclass
class Idea:
    """One line of a test cell's report: ``mark`` is ✓, ✗ or ○ (nothing judged), ``points`` are on offer."""

    mark: str
    what: str
    points: str
    message: str


@dataclass(eq=False)
class Heading:
    """A heading of the author's."""

    text: str
    level: int


@dataclass
class Part:
    """One cell as the page shows it; ``kind`` is text, code, answer, checks or task."""

    kind: str
    name: str = ""
    heading: Heading | None = None  # the nearest one above
    called: str = ""  # what the page calls it: its heading, or its name where there is none
    score: float | None = None
    points: float | None = None
    body: Markup = Markup()
    ideas: list[Idea] = field(default_factory=list)
    outputs: list[Markup] = field(default_factory=list)
    comment: Markup = Markup()
    open: str = ""  # "unmarked": a person has to mark it; "again": a person has, and has to look at it again

    @property
    def has_points(self) -> bool:
        return bool(self.points) and self.score is not None

    @property
    def state(self) -> str:
        """``full``, ``part`` or ``none`` of the points, or nothing where there are none to earn, or none given yet."""
        if not self.points or self.score is None or self.open == "unmarked":
            return ""
        return "full" if self.score >= self.points else "part" if self.score > 0 else "none"


class _Grades(GetGrades):
    """nbgrader's step that puts grades into the notebook, where it has no word for a mark that is still to come."""

    def _get_score(self, cell: NotebookNode, resources: Any) -> None:
        super()._get_score(cell, resources)
        name = cell.metadata.nbgrader["grade_id"]
        grade = self.gradebook.find_grade(name, self.notebook_id, self.assignment_id, self.student_id)
        unmarked = grade.manual_score is None and grade.auto_score is None  # nbgrader's score is then 0
        cell.metadata.nbgrader["open"] = "unmarked" if unmarked else "again" if grade.needs_manual_grade else ""


class Feedback(Exporter):
    """nbconvert's exporter of an autograded notebook to the learner's page."""

    file_extension = ".html"
    output_mimetype = "text/html"

    def register_preprocessor(self, preprocessor: Any, enabled: bool = False) -> Any:
        """As nbconvert's, with a step of our own for the one with which nbgrader reads the grades."""
        return super().register_preprocessor(_Grades if preprocessor is GetGrades else preprocessor, enabled)

    def from_notebook_node(  # type: ignore[override]  # text, as of each of nbconvert's own
        self, nb: NotebookNode, resources: Any | None = None, **kw: Any
    ) -> tuple[str, dict[str, Any]]:
        """The page, and nbconvert's resources; nbgrader's preprocessors have put the grades into ``nb``."""
        nb, resources = super().from_notebook_node(nb, resources, **kw)
        graded = resources.get("nbgrader", {})
        frame = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        frame.filters["points"] = lambda value: f"{round(float(value), 2):g}"
        reader = _Reader(self, nb)
        parts = list(reader.parts())
        title = _title(reader.headings, parts)
        _call(parts, title)
        name = clean_text(graded.get("notebook") or resources.get("metadata", {}).get("name", ""))
        page = frame.from_string(_PAGE).render(
            title=title.text if title else name,
            name=name,
            student=clean_text(graded.get("student") or ""),
            unreadable=nb.metadata.get("moi", {}).get("grading", {}).get("unreadable", False),
            score=graded.get("score"),
            max_score=graded.get("max_score"),
            late_penalty=graded.get("late_penalty") or 0,
            parts=parts,
            unmarked=sum(part.points or 0 for part in parts if part.open == "unmarked"),
            again=any(part.open == "again" for part in parts),
            light=Markup(HtmlFormatter(style=_LIGHT).get_style_defs(".highlight")),
            dark=Markup(HtmlFormatter(style=_DARK).get_style_defs(".highlight")),
        )
        return page, resources


class _Reader:
    """Turns the cells of one notebook into parts of the page."""

    def __init__(self, exporter: Exporter, nb: NotebookNode) -> None:
        tests, scheme, solution = (
            kind(parent=exporter) for kind in (ClearHiddenTests, ClearMarkScheme, ClearSolutions)
        )
        self.tests = (tests.begin_test_delimeter, tests.end_test_delimeter)
        self.schemes = (
            (scheme.begin_mark_scheme_delimeter, scheme.end_mark_scheme_delimeter),
            (solution.begin_solution_delimeter, solution.end_solution_delimeter),
        )
        self.nb = nb
        self.canvas = Canvas()
        self.headings: list[Heading] = []
        self.language = str(nb.metadata.get("kernelspec", {}).get("language") or "python")
        self.names = [str(_graded(cell).get("grade_id")) for cell in nb.cells if _graded(cell)]
        # What tests printed may quote them (a learner's object can look at its caller).
        hidden, shown = set[str](), set[str]()
        for cell in nb.cells:
            for line, secret in _regions(clean_text(cell.source).split("\n"), *self.tests):
                (hidden if secret and not _graded(cell).get("solution") else shown).add(line.strip())
        self.secrets = {line for line in hidden - shown if len(line) >= 8}

    def parts(self) -> Iterator[Part]:
        for cell in self.nb.cells:
            entry = _graded(cell)
            part = Part("text" if cell.cell_type == "markdown" else "code", name=clean_text(entry.get("grade_id")))
            if entry.get("grade") or entry.get("task"):
                part.score, part.points = _number(entry.get("score")), _number(entry.get("points"))
                part.open = str(entry.get("open", ""))
            if entry.get("task"):
                part.kind = "task"
            elif entry.get("solution"):
                part.kind = "answer"
            elif entry.get("grade"):
                part.kind = "checks"
            part.comment = self._markdown(entry.get("comment"))
            source = self._source(cell, part)
            if cell.cell_type == "markdown":
                headings = self.headings if part.kind != "answer" else []
                part.body = self._markdown(source, cell.get("attachments"), headings)
            elif cell.cell_type == "code":
                part.body = self._code(source)
                self._show(cell, part)
            else:
                continue
            if part.kind == "answer" and not source.strip():
                part.body = Markup('<p class="nothing">(nothing was written here)</p>')
            part.heading = self.headings[-1] if self.headings else None
            yield part

    def _source(self, cell: NotebookNode, part: Part) -> str:
        """The cell's text without regions that are not the learner's to read."""
        lines = clean_text(cell.source).split("\n")
        if part.kind == "answer":
            return "\n".join(lines)
        for delimiters in self.schemes:
            lines = [line for line, secret in _regions(lines, *delimiters) if not secret]
        kept: list[str] = []
        before = False
        for line, secret in _regions(lines, *self.tests):
            if not secret:
                kept.append(line)
            elif not before:
                indent = line[: len(line) - len(line.lstrip())]
                kept.append(f"{indent}# {HIDDEN}" if cell.cell_type == "code" else f"{indent}*({HIDDEN})*")
            before = secret
        return "\n".join(kept)

    def _show(self, cell: NotebookNode, part: Part) -> None:
        """The outputs of a code cell; what a test cell reports becomes ideas."""
        given = [output for output in cell.get("outputs", []) if not _for_instructor(output)]
        for output in clean_outputs(given, canvas=self.canvas):
            kind = output["output_type"]
            if kind == "stream":
                text = self._discreet(output["text"])
                if part.kind == "checks":
                    text = _take_ideas(text, part.ideas)
                if text.strip():
                    part.outputs.append(_preformatted(text))
            elif kind == "error":
                said = f"{output['ename']}: {output['evalue']}".removesuffix(": ")
                trace = [said] if part.kind == "checks" else output["traceback"]
                part.outputs.append(_preformatted(self._discreet("\n".join(trace)), "error"))
            elif not (part.kind == "checks" and _number(output["data"].get("text/plain")) is not None):
                part.outputs.append(self._rich(output["data"], output["metadata"]))

    def _rich(self, data: dict[str, str], metadata: dict[str, Any]) -> Markup:
        for kind in ("image/png", "image/jpeg"):
            if kind in data:
                width = metadata.get(kind, {}).get("width")
                size = Markup(' width="{}"').format(width) if width else ""
                return Markup('<img src="data:{};base64,{}" alt="Picture that this cell made"{}>').format(
                    kind, data[kind], size
                )
        if "text/html" in data:
            return Markup('<div class="scroll">{}</div>').format(
                Markup(clean_html(outside(DATA_URL, data["text/html"], self._discreet), self.canvas))
            )
        if "text/markdown" in data:
            return self._markdown(outside(DATA_URL, data["text/markdown"], self._discreet))
        plain = data.get("text/plain", "")
        if not plain or plain.startswith("<"):  # of a formula, Python has no more to say than that it is an object
            plain = data.get("text/latex", plain)
        return _preformatted(self._discreet(plain))

    def _discreet(self, text: str) -> str:
        """``text`` without the folders of this machine and without lines of hidden tests."""
        text = _WINDOWS_PATH.sub(r"…\\\1", _PATH.sub(r"…/\1", text))
        if any(secret in strip_ansi(text) for secret in self.secrets):
            lines = text.split("\n")
            text = "\n".join("…" if any(s in strip_ansi(line) for s in self.secrets) else line for line in lines)
        return text

    def _markdown(self, source: Any, attachments: Any = None, headings: list[Heading] | None = None) -> Markup:
        if not source:
            return Markup()
        pictures = clean_attachments(attachments)
        renderer = _Plain(escape=False, attachments=pictures, exclude_anchor_links=True)
        made = MarkdownWithMath(renderer=renderer).render(clean_markdown(source, pictures, self.names))
        if headings is not None:
            headings += renderer.headings
        return _sanitised(made)

    def _code(self, source: str) -> Markup:
        try:
            lexer = get_lexer_by_name(self.language, stripnl=False)
        except ClassNotFound:
            lexer = get_lexer_by_name("text", stripnl=False)
        return _sanitised(highlight(source, lexer, HtmlFormatter()))


class _Plain(IPythonRenderer):
    """nbconvert's renderer, with formulas as TeX and diagrams as text: neither needs a script. It notes headings."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.headings: list[Heading] = []

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        if words := _POINTS.sub("", Markup(text).striptags()):
            self.headings.append(Heading(words, level))
        return super().heading(text, level, **attrs)

    def block_math(self, body: str) -> str:
        return f'<span class="tex">{super().block_math(body)}</span>'

    def inline_math(self, body: str) -> str:
        return f'<span class="tex">{super().inline_math(body)}</span>'

    def latex_environment(self, name: str, body: str) -> str:
        return f'<span class="tex">{super().latex_environment(name, body)}</span>'

    def block_mermaidjs(self, code: str) -> str:
        return f"<pre>{self.escape_html(code)}</pre>"


def _title(headings: list[Heading], parts: list[Part]) -> Heading | None:
    """The notebook's first heading, unless it is that of the first task among others of its level."""
    if not headings:
        return None
    first, *others = headings
    of_a_task = any(part.heading is first and part.kind not in ("text", "code") for part in parts)
    return None if of_a_task and any(other.level <= first.level for other in others) else first


def _call(parts: list[Part], title: Heading | None) -> None:
    """Give each part its heading as what it is called, with a number where several have points under the same one."""
    for part in parts:
        part.called = part.name if part.heading in (None, title) else part.heading.text
    counts = Counter(part.called for part in parts if part.has_points)
    numbers = Counter[str]()
    for part in parts:
        if part.has_points and counts[part.called] > 1:
            numbers[part.called] += 1
            part.called += f" {numbers[part.called]}"


def _graded(cell: NotebookNode) -> dict[str, Any]:
    entry = cell.metadata.get("nbgrader")
    return entry if isinstance(entry, dict) else {}


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _for_instructor(output: Any) -> bool:
    metadata = output.get("metadata")
    mark = metadata.get("moi") if isinstance(metadata, dict) else None
    return isinstance(mark, dict) and mark.get("for") == "instructor"


def _regions(lines: list[str], begin: str, end: str) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it stands in a region, delimiters included; a region left open goes to the end."""
    inside = False
    for line in lines:
        if begin in line:
            inside = True
        yield line, inside or end in line
        if end in line:
            inside = False


def _take_ideas(text: str, ideas: list[Idea]) -> str:
    """Move the lines that report an idea from ``text`` to ``ideas``; return the others."""
    others = []
    for line in text.split("\n"):
        if found := _IDEA.fullmatch(line.strip()):
            ideas.append(Idea(found["mark"], found["what"], found["points"], found["message"] or ""))
        elif not COUNT.fullmatch(line.strip()):
            others.append(line)
    return "\n".join(others).strip("\n")


def _preformatted(text: str, kind: str = "") -> Markup:
    colours = _sanitised(ansi2html(text)) if "\x1b" in text else text
    return Markup('<pre class="{}">{}</pre>').format(kind or "output", colours)


def _sanitised(page: str) -> Markup:
    """What nbconvert made, with every tag, class, style and address checked once more."""
    return Markup(
        nh3.clean(
            page,
            tags=nh3.ALLOWED_TAGS - {"area", "map"} | {"input"},
            attributes={
                "*": {"class", "style", "title"},
                "a": {"href"},
                "img": {"src", "alt"},
                "ol": {"start"},
                "input": {"type", "disabled", "checked"},
            },
            attribute_filter=_attribute,
            url_schemes={"http", "https", "mailto", "data"},
            generic_attribute_prefixes=set(),
        )
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    rules: dict[str, Callable[[str], Any]] = {
        "class": lambda text: all(_CLASS.fullmatch(part) for part in text.split()),
        "style": lambda text: all(_STYLE.fullmatch(part.strip()) for part in text.split(";")),
        "src": DATA_URL.fullmatch,
        "href": lambda text: not text.lower().startswith("data:"),
        "type": lambda text: text == "checkbox",
    }
    return value if name not in rules or rules[name](value) else None


_PAGE = """\
{% macro mark(part) -%}
{% if part.open == "unmarked" %}not marked yet
{%- else %}{{ part.score | points }} of {{ part.points | points }}{% endif %}
{%- endmacro %}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{{ title }}: feedback</title>
<style>
:root {
  --page: #fff; --text: #1d2125; --quiet: #57606a; --line: #d0d7de; --soft: #f4f6f8; --link: #0059a8;
  --full: #0b6b4d; --full-soft: #e3f5ee; --part: #7a5200; --part-soft: #fdf3dd; --none: #a8321a; --none-soft: #fdeae5;
}
{{ light }}
.highlight { background: none; }
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14181c; --text: #e3e7eb; --quiet: #a5afb9; --line: #3a434c; --soft: #1d2328; --link: #7cc0ff;
    --full: #5fd3a8; --full-soft: #12312a; --part: #f0c060; --part-soft: #362a12; --none: #ff9d85; --none-soft: #3b1d17;
  }
  {{ dark }}
  .highlight { background: none; }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1rem 1rem 4rem; max-width: 50rem; background: var(--page); color: var(--text);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: break-word;
}
a { color: var(--link); }
h1, h2, h3 { line-height: 1.25; }
main h1 { font-size: 1.5rem; }
main h2 { font-size: 1.3rem; }
main h3 { font-size: 1.1rem; }
pre, code, .tex { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .875em; }
pre { margin: .5rem 0; padding: .6rem .75rem; background: var(--soft); border-radius: .4rem; overflow-x: auto; }
pre.output { background: none; padding: .25rem 0; max-height: 30rem; }
.checks pre.output { white-space: pre-wrap; }
pre.error { background: var(--none-soft); color: var(--none); white-space: pre-wrap; max-height: 30rem; }
.tex { white-space: pre-wrap; }
img { max-width: 100%; height: auto; background: #fff; }
.scroll, .body { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0; font-size: .9em; }
th, td { padding: .25rem .6rem; border: 1px solid var(--line); text-align: left; vertical-align: top; }
header.top { border-bottom: 1px solid var(--line); margin-bottom: 1.5rem; padding-bottom: 1rem; }
header.top h1 { margin: .5rem 0; font-size: 1.5rem; }
.total { font-size: 1.15rem; margin: .25rem 0 .75rem; }
.total strong { font-size: 1.6rem; }
nav ol { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: .4rem; }
nav a {
  display: block; padding: .3rem .7rem; border-radius: 1rem; text-decoration: none; font-size: .9rem;
  min-height: 2rem; color: var(--quiet); background: var(--soft);
}
nav b { white-space: nowrap; }
.score {
  padding: .1rem .6rem; border-radius: 1rem; font-weight: 600; white-space: nowrap;
  color: var(--quiet); background: var(--soft);
}
.full > a, .full .score { color: var(--full); background: var(--full-soft); }
.part > a, .part .score { color: var(--part); background: var(--part-soft); }
.none > a, .none .score { color: var(--none); background: var(--none-soft); }
section { margin: 1rem 0; }
section.answer, section.checks, section.task {
  border: 1px solid var(--line); border-radius: .5rem; padding: .25rem .9rem .75rem;
}
section.checks { border-left-width: .3rem; }
section.checks.full { border-left-color: var(--full); }
section.checks.part { border-left-color: var(--part); }
section.checks.none { border-left-color: var(--none); }
section > header {
  display: flex; flex-wrap: wrap; justify-content: space-between; align-items: baseline; gap: .25rem 1rem;
  margin: .5rem 0;
}
section > header h2 { margin: 0; font-size: 1rem; }
section > header h2 small { font-weight: normal; color: var(--quiet); }
ul.ideas { list-style: none; margin: .5rem 0; padding: 0; }
ul.ideas li {
  display: grid; grid-template-columns: 1.5rem 1fr auto; gap: 0 .4rem; padding: .4rem 0;
  border-top: 1px solid var(--line);
}
ul.ideas li:first-child { border-top: 0; }
ul.ideas .mark, ul.ideas .worth { font-weight: 700; }
ul.ideas .worth { font-weight: 600; font-size: .9rem; white-space: nowrap; }
ul.ideas .message { grid-column: 2 / -1; padding-left: .6rem; border-left: 2px solid var(--line); color: var(--quiet); }
.earned .mark, .earned .worth { color: var(--full); }
.missed .mark, .missed .worth { color: var(--none); }
.open .mark, .open .worth { color: var(--quiet); }
.nothing { color: var(--quiet); }
details summary { color: var(--quiet); cursor: pointer; padding: .25rem 0; }
.comment {
  margin-top: .75rem; padding: .25rem .9rem; background: var(--soft); border-left: .3rem solid var(--link);
  border-radius: .3rem;
}
.comment h3 { margin: .4rem 0; font-size: .95rem; }
@media print { details:not([open]) { display: none; } section { break-inside: avoid; } }
</style>
</head>
<body>
<header class="top">
<h1 title="{{ name }}">{{ title }}</h1>
{% if student %}
<p>For {{ student }}</p>
{% endif %}
{% if unreadable %}
<p>The file that was handed in cannot be read as a notebook, so nothing in it could be graded.</p>
{% endif %}
{% if score is not none %}
<p class="total"><strong>{{ score | points }}</strong> of {{ max_score | points }} points
{%- if unmarked %} so far, {{ unmarked | points }} still to be marked by hand{% endif %}</p>
{% if again %}
<p>Some marks were given by hand before and will be looked at again. They may change.</p>
{% endif %}
{% if late_penalty > 0 %}
<p>{{ late_penalty | points }} points have been taken off because the work came in late.</p>
{% endif %}
{% endif %}
<nav aria-label="Points by task">
<ol>
{% for part in parts if part.has_points %}
<li class="{{ part.state }}">
<a href="#part-{{ parts.index(part) }}" title="{{ part.name }}">{{ part.called }} <b>{{ mark(part) }}</b></a>
</li>
{% endfor %}
</ol>
</nav>
</header>
<main>
{% for part in parts %}
<section class="{{ part.kind }} {{ part.state }}" id="part-{{ loop.index0 }}">
{% if part.kind not in ("text", "code") %}
<header>
<h2>{{ {"answer": "Your answer", "checks": "Checks", "task": "Task"}[part.kind] }}
<small title="{{ part.name }}">{{ part.called }}{{ ", to be looked at again" if part.open == "again" }}</small></h2>
{% if part.has_points %}
<span class="score">{{ mark(part) }}{{ "" if part.open == "unmarked" else " points" }}</span>
{% endif %}
</header>
{% endif %}
{% if part.kind == "checks" %}
{% if part.ideas %}
<ul class="ideas">
{% for idea in part.ideas %}
{% set state = {"✓": "earned", "✗": "missed"}.get(idea.mark, "open") %}
{% set verdict = {"earned": "earned", "missed": "not earned", "open": "not judged"}[state] %}
<li class="{{ state }}">
<span class="mark" aria-hidden="true">{{ idea.mark }}</span>
<span>{{ idea.what }}</span>
<span class="worth">{{ verdict }} ({{ idea.points }})</span>
{% if idea.message %}
<span class="message">{{ idea.message }}</span>
{% endif %}
</li>
{% endfor %}
</ul>
{% elif not part.outputs and part.open != "unmarked" %}
<p>{{ "Not all of these checks hold." if part.state in ("part", "none") else "All checks hold." }}</p>
{% endif %}
{% for output in part.outputs %}
<div class="body">{{ output }}</div>
{% endfor %}
<details><summary>What was checked</summary>
<div class="body">{{ part.body }}</div>
</details>
{% else %}
<div class="body">{{ part.body }}</div>
{% for output in part.outputs %}
<div class="body">{{ output }}</div>
{% endfor %}
{% endif %}
{% if part.comment %}
<div class="comment"><h3>Comment</h3>{{ part.comment }}</div>
{% endif %}
</section>
{% endfor %}
</main>
</body>
</html>
"""
