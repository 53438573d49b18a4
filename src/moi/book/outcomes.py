"""What a learner can do: ``outcomes`` at the head of a page, ``mirror`` at its end, ``course-outcomes`` for all pages.

The outcomes of a page are written once, as YAML; each says where it is taught and which exercise shows it. All are
collected in ``outcomes.json``.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import nbformat
import yaml
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from moi.book.notes import changed, notes
from moi.models import all_models

_KEYS = {"id", "can", "section", "quiz", "task"}
_REPOSITORY = Path(__file__).parents[3]
_NUMBERED = re.compile(r"#+ (?P<title>(?P<number>\d+)\..*?)\s*(?:\([^()]*points?[^()]*\))?$", re.MULTILINE)
_EXPLORER = re.compile(r'<figure class="moi-explorer" id="(?P<id>[^"]+)" data-model="(?P<model>[^"]+)"')
_log = logging.getLogger(__name__)


class Outcomes(SphinxDirective):
    """``outcomes``: what a learner can do after the page.

    Options: ``minutes`` (needed), ``assignment`` (the folder of the graded assignment). The body is a YAML list; each
    entry has ``id`` and ``can``, and may have ``section`` (a target on this page), ``quiz`` (the name of a quiz) and
    ``task`` (the grade id of an answer in the assignment, or a list of them).
    """

    has_content = True
    option_spec = {"minutes": directives.positive_int, "assignment": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """The nodes of the list; raises a directive error that names the entry at fault."""
        if "minutes" not in self.options:
            raise self.error("outcomes needs :minutes:, the time that the page takes to study")
        try:
            entries = yaml.safe_load("\n".join(self.content))
        except yaml.YAMLError as fault:
            raise self.error(f"the body of outcomes is not YAML: {fault}") from fault
        if not isinstance(entries, list) or not entries:
            raise self.error("the body of outcomes must be a list of entries, each with id and can")
        assignment = self.options.get("assignment")
        graded = self._graded(assignment)
        items = nodes.bullet_list()
        texts = []
        for entry in entries:
            texts.append(self._text(entry))
            for task in _tasks_of(entry):
                if task not in graded:
                    known = ", ".join(graded) or "none: name it with :assignment:"
                    raise self.error(f"there is no task {task!r} in the assignment; there are {known}")
            items += self._item(entry, texts[-1])
        notes(self.env, "outcomes")[self.env.docname] = {
            "page": self.env.docname,
            "minutes": self.options["minutes"],
            "assignment": assignment,
            "outcomes": entries,
        }
        notes(self.env, "outcome-texts")[self.env.docname] = texts
        box = nodes.container(classes=["outcomes"])
        box += nodes.paragraph("", "By the end of this page you can", classes=["outcomes-title"])
        box += items
        box += nodes.paragraph(
            "", f"Time to study: about {self.options['minutes']} minutes.", classes=["outcomes-time"]
        )
        return [box]

    def _graded(self, assignment: str | None) -> dict[str, str]:
        if assignment is None:
            return {}
        try:
            source = source_of(assignment)
        except FileNotFoundError as fault:
            raise self.error(str(fault)) from fault
        self.env.note_dependency(str(source))
        return graded_tasks(assignment)

    def _text(self, entry: Any) -> list[nodes.Node]:
        if not isinstance(entry, dict) or not {"id", "can"} <= set(entry) or set(entry) - _KEYS:
            raise self.error(f"an outcome has id and can, and may have section, quiz and task; got {entry!r}")
        text, messages = self.parse_inline(str(entry["can"]))
        return [*text, *messages]

    def _item(self, entry: dict[str, Any], text: Sequence[nodes.Node]) -> nodes.list_item:
        paragraph = nodes.paragraph("", "", *(node.deepcopy() for node in text))
        where: list[nodes.Node] = []
        if "section" in entry:
            where.append(_here(self, entry["section"], None))
        if "quiz" in entry:
            where.append(_here(self, entry["quiz"], "self-check"))
        if where:
            paragraph += [nodes.Text(" "), _marks(where)]
        return nodes.list_item("", paragraph, ids=[nodes.make_id(f"outcome-{entry['id']}")])


class Mirror(SphinxDirective):
    """``mirror``: the page's outcomes again, each with links to its place and to the exercise that shows it."""

    def run(self) -> list[nodes.Node]:
        """The list; raises a directive error on a page whose outcomes do not stand before it."""
        page = self.env.docname
        record = notes(self.env, "outcomes").get(page)
        if record is None:
            raise self.error("mirror repeats the outcomes of its page: put the outcomes at the head of the page")
        record["mirror"] = True
        items = nodes.bullet_list()
        for entry, text in zip(record["outcomes"], notes(self.env, "outcome-texts")[page], strict=True):
            paragraph = nodes.paragraph("", "", *(node.deepcopy() for node in text))
            ways = [
                _here(self, entry[key], label)
                for key, label in (("section", None), ("quiz", "self-check"))
                if key in entry
            ]
            ways += _graded(record, entry, page)
            if ways:
                paragraph += [nodes.Text(" "), _marks(ways)]
            items += nodes.list_item("", paragraph)
        box = nodes.container(classes=["outcomes", "mirror"])
        box += nodes.paragraph("", "You can now", classes=["outcomes-title"])
        box += items
        box += nodes.paragraph(
            "",
            "Not sure of one? Read its section again, then try its exercise."
            + (" The graded tasks are links to their notebook." if record["assignment"] else ""),
            classes=["outcomes-time"],
        )
        return [box]


class place(nodes.Inline, nodes.Element):
    """A link to what is called ``target`` on the same page, made when the page is read. Attributes: target, text.

    Not a reference of Sphinx, for which the last page with a quiz of the same name would win.
    """


class course_outcomes(nodes.General, nodes.Element):
    """The place of the outcomes of the whole course. Filled when every page has been read."""


class CourseOutcomes(SphinxDirective):
    """``course-outcomes``: every outcome of every page, with its text, its model and its exercise."""

    def run(self) -> list[nodes.Node]:
        """The place of the tables."""
        notes(self.env, "course-outcomes")[self.env.docname] = True
        return [course_outcomes()]


def source_of(assignment: str) -> Path:
    """The source notebook of an assignment; raises ``FileNotFoundError`` where there is none."""
    found = sorted((_REPOSITORY / "solutions" / assignment).glob("*.ipynb"))
    if len(found) != 1:
        raise FileNotFoundError(f"there is no assignment {assignment!r} in the folder solutions")
    return found[0]


def graded_tasks(assignment: str) -> dict[str, str]:
    """Grade id of each answer of an assignment to the title of its task, as '4. Six measures of error'."""
    source = source_of(assignment)
    return dict(_graded_tasks(source, source.stat().st_mtime_ns))


@functools.cache
def _graded_tasks(source: Path, changed_at: int) -> dict[str, str]:
    tasks, title = {}, ""
    for cell in nbformat.read(source, as_version=4).cells:
        marks = cell.metadata.get("nbgrader", {})
        if marks.get("solution"):
            tasks[marks["grade_id"]] = title
        elif cell.cell_type == "markdown":
            titles = [found["title"] for found in _NUMBERED.finditer(cell.source)]
            title = titles[-1] if titles else title
    return tasks


def missing(record: dict[str, Any]) -> list[str]:
    """What the outcomes of a page lack: a place in the text, a model, an exercise or the mirror, in words."""
    page = record["page"]
    lacks = [f"{page}: no model to explore"] if not record.get("models") else []
    if not record.get("mirror"):
        lacks.append(f"{page}: no mirror at its end")
    for entry in record["outcomes"]:
        if "section" not in entry:
            lacks.append(f"{page}: {entry['id']} names no section")
        if "quiz" not in entry and not _tasks_of(entry):
            lacks.append(f"{page}: {entry['id']} names no exercise, neither quiz nor task")
    return lacks


def _tasks_of(entry: dict[str, Any]) -> list[str]:
    task = entry.get("task", [])
    return [task] if isinstance(task, str) else list(task)


def _here(directive: SphinxDirective, target: str, text: str | None) -> nodes.Node:
    """A link to ``target`` on this page; without ``text`` it reads as the heading there."""
    link = place(target=target, text=text)
    directive.set_source_info(link)
    return link


def _graded(record: dict[str, Any], entry: dict[str, Any], page: str) -> list[nodes.Node]:
    """The graded tasks of an outcome as one piece of text, each a link to the notebook; no piece where it has none."""
    assignment, tasks = record["assignment"], _tasks_of(entry)
    if not tasks:
        return []
    address = "../" * page.count("/") + f"exercises/{assignment}/{source_of(assignment).name}"
    piece = nodes.inline("", "graded: ")
    for number, task in enumerate(tasks):
        shown = graded_tasks(assignment)[task] or task
        piece += nodes.Text(", " if number else "")
        piece += nodes.raw("", f'<a href="{escape(address)}" download>{escape(shown)}</a>', format="html")
    return [piece]


def _marks(links: Sequence[nodes.Node]) -> nodes.inline:
    marks = nodes.inline(classes=["outcome-where"])
    for number, link in enumerate(links):
        marks += nodes.Text(" · " if number else "")
        marks += link
    return marks


def _complete(app: Sphinx, doctree: nodes.document) -> None:
    """Make the links to places on the page, and note these and the model figures as the cells have written them."""
    record = notes(app.env, "outcomes").get(app.env.docname)
    if record is None:
        return
    places = record["places"] = {}
    for link in list(doctree.findall(place)):
        found = _found(doctree, link["target"])
        if found is None:
            _log.warning("an outcome names %r, which is not on this page", link["target"], location=link)
            link.replace_self(nodes.inline("", link["target"]))
            continue
        where, heading = places[link["target"]] = found
        link.replace_self(nodes.reference("", link["text"] or heading, refid=where, internal=True))
    figures = (found for raw in doctree.findall(nodes.raw) for found in _EXPLORER.finditer(raw.astext()))
    record["models"] = {found["model"]: found["id"] for found in figures}
    if not record["models"] and app.env.docname in notes(app.env, "decision-map"):
        record["models"] = {"decision-map": "decision-map"}


def _found(doctree: nodes.document, name: str) -> tuple[str, str] | None:
    """The id of what is called ``name`` in the page, and its heading (the name itself where it has none)."""
    where = doctree.nameids.get(nodes.fully_normalize_name(name))
    node = doctree.ids.get(where)
    if isinstance(node, nodes.target) and "refid" in node:
        where, node = node["refid"], doctree.ids.get(node["refid"])
    if where is None or node is None:
        return None
    title = next(iter(node.findall(nodes.title)), None) if isinstance(node, nodes.section) else None
    return where, title.astext() if title is not None else name


def _gather(app: Sphinx, doctree: nodes.document, page: str) -> None:
    for place in list(doctree.findall(course_outcomes)):
        records = [notes(app.env, "outcomes")[p] for p in _in_order(app.env) if p in notes(app.env, "outcomes")]
        place.replace_self([_of_page(app, record, page) for record in records])


def _of_page(app: Sphinx, record: dict[str, Any], page: str) -> nodes.section:
    chapter, title = record["page"], app.env.titles[record["page"]].astext()
    section = nodes.section(ids=[nodes.make_id(f"outcomes-{chapter}")])
    section += nodes.title("", "", _there(app, page, chapter, "", title))
    models = all_models()
    names = {"decision-map": "the map of the decisions"} | {name: model.title for name, model in models.items()}
    figures = [_there(app, page, chapter, place, names[model]) for model, place in record.get("models", {}).items()]
    about = nodes.paragraph("", f"About {record['minutes']} minutes.")
    if figures:
        about += nodes.Text(" Model: " if len(figures) == 1 else " Models: ")
        for number, figure in enumerate(figures):
            about += [nodes.Text(", " if number else ""), figure]
        about += nodes.Text("" if figures[-1].astext().endswith("?") else ".")
    if record["assignment"]:
        about += nodes.Text(" Graded assignment: ")
        about += nodes.literal("", record["assignment"])
        about += nodes.Text(".")
    section += about
    rows = []
    for entry, text in zip(record["outcomes"], notes(app.env, "outcome-texts")[chapter], strict=True):
        places = {key: record["places"].get(entry.get(key)) for key in ("section", "quiz")}
        taught = [_there(app, page, chapter, *places["section"])] if places["section"] else []
        shown = [_there(app, page, chapter, places["quiz"][0], "self-check")] if places["quiz"] else []
        shown += _graded(record, entry, page)
        rows.append([_plain_copies(text), taught or [nodes.Text("–")], list(_between(shown)) or [nodes.Text("–")]])
    section += _table(["You can", "Taught in", "Shown by"], rows)
    return section


def _plain_copies(text: Sequence[nodes.Node]) -> list[nodes.Node]:
    """The text of an outcome without links: it is shown on another page than its own."""
    whole = nodes.inline("", "", *(node.deepcopy() for node in text))
    for link in list(whole.findall(addnodes.pending_xref)):
        link.replace_self(link.children)
    return list(whole.children)


def _between(links: Sequence[nodes.Node]) -> Iterator[nodes.Node]:
    for number, link in enumerate(links):
        if number:
            yield nodes.Text(" · ")
        yield link


def _there(app: Sphinx, page: str, chapter: str, place: str, text: str) -> nodes.reference:
    address = app.builder.get_relative_uri(page, chapter) + (f"#{place}" if place else "")
    return nodes.reference("", text, refuri=address, internal=True)


def _table(head: Sequence[str], rows: Sequence[Sequence[Sequence[nodes.Node]]]) -> nodes.container:
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in head), cols=len(head))
    group += nodes.thead("", nodes.row("", *(nodes.entry("", nodes.paragraph("", text)) for text in head)))
    body = nodes.tbody()
    for row in rows:
        body += nodes.row("", *(nodes.entry("", nodes.paragraph("", "", *cell)) for cell in row))
    group += body
    return nodes.container("", nodes.table("", group, classes=["outcomes-table"]), classes=["table-box"])


def _in_order(env: BuildEnvironment) -> list[str]:
    """The pages in the order of the book."""
    order: dict[str, None] = {}

    def visit(page: str) -> None:
        if page not in order:
            order[page] = None
            for child in env.toctree_includes.get(page, []):
                visit(child)

    visit(env.config.root_doc)
    return list(order)


def _redraw(app: Sphinx, env: BuildEnvironment) -> list[str]:
    state = [_in_order(env), json.dumps(notes(env, "outcomes"), sort_keys=True)]
    return list(notes(env, "course-outcomes")) if changed(env, "outcomes", state) else []


def _write(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None:
        return
    records = [record for _, record in sorted(notes(app.env, "outcomes").items())]
    Path(app.outdir, "outcomes.json").write_text(json.dumps(records, ensure_ascii=False, indent=1), encoding="utf-8")
    for assignment in {record["assignment"] for record in records} - {None}:
        _offer(assignment, Path(app.outdir, "exercises"))


def _offer(assignment: str, folder: Path) -> None:
    """Put the learners' version of an assignment, never its source, beside the pages."""
    released = _REPOSITORY / "exercises" / assignment / source_of(assignment).name
    if not released.is_file():
        _log.warning("the assignment %s has no release: run make exercises", assignment)
        return
    os.makedirs(folder / assignment, exist_ok=True)
    shutil.copy(released, folder / assignment / released.name)


def setup(app: Sphinx) -> None:
    app.add_node(course_outcomes)
    app.add_directive("outcomes", Outcomes)
    app.add_directive("mirror", Mirror)
    app.add_directive("course-outcomes", CourseOutcomes)
    app.connect("doctree-read", _complete)
    app.connect("env-updated", _redraw)
    app.connect("doctree-resolved", _gather)
    app.connect("build-finished", _write)
