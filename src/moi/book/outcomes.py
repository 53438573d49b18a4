"""The learning outcomes at the head of a page: written as YAML, shown as a list, collected in ``outcomes.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

_KEYS = {"id", "can", "section", "quiz", "task"}


class Outcomes(SphinxDirective):
    """``outcomes``: what a learner can do after the page.

    Options: ``minutes`` (needed), ``assignment`` (the folder of the graded assignment). The body is a YAML list; each
    entry has ``id`` and ``can``, and may have ``section`` (a target on this page), ``quiz`` (the name of a quiz) and
    ``task`` (the id of a graded task).
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
        items = nodes.bullet_list()
        for entry in entries:
            items += self._item(entry)
        record = {
            "page": self.env.docname,
            "minutes": self.options["minutes"],
            "assignment": self.options.get("assignment"),
            "outcomes": entries,
        }
        _collected(self.env)[self.env.docname] = record
        box = nodes.container(classes=["outcomes"])
        box += nodes.paragraph("", "By the end of this page you can", classes=["outcomes-title"])
        box += items
        box += nodes.paragraph(
            "", f"Time to study: about {self.options['minutes']} minutes.", classes=["outcomes-time"]
        )
        return [box]

    def _item(self, entry: Any) -> nodes.list_item:
        if not isinstance(entry, dict) or not {"id", "can"} <= set(entry) or set(entry) - _KEYS:
            raise self.error(f"an outcome has id and can, and may have section, quiz and task; got {entry!r}")
        text, messages = self.parse_inline(str(entry["can"]))
        paragraph = nodes.paragraph("", "", *text, *messages)
        where: list[nodes.Node] = []
        if "section" in entry:
            where.append(self._link(entry["section"], None))
        if "quiz" in entry:
            where.append(self._link(entry["quiz"], "self-check"))
        if where:
            marks = nodes.inline(classes=["outcome-where"])
            for number, link in enumerate(where):
                marks += nodes.Text(" · " if number else "")
                marks += link
            paragraph += [nodes.Text(" "), marks]
        item = nodes.list_item("", paragraph, ids=[nodes.make_id(f"outcome-{entry['id']}")])
        return item

    def _link(self, target: str, text: str | None) -> addnodes.pending_xref:
        link = addnodes.pending_xref(
            "",
            refdoc=self.env.docname,
            refdomain="std",
            reftype="ref",
            reftarget=target,
            refwarn=True,
            refexplicit=text is not None,
        )
        link += nodes.inline("", text or target, classes=["std", "std-ref"])
        self.set_source_info(link)
        return link


def _collected(env: BuildEnvironment) -> dict[str, dict[str, Any]]:
    if not hasattr(env, "moi_outcomes"):
        env.moi_outcomes = {}  # type: ignore[attr-defined]
    return env.moi_outcomes  # type: ignore[attr-defined]


def _forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    _collected(env).pop(docname, None)


def _merge(app: Sphinx, env: BuildEnvironment, docnames: list[str], other: BuildEnvironment) -> None:
    _collected(env).update({name: _collected(other)[name] for name in docnames if name in _collected(other)})


def _write(app: Sphinx, exception: Exception | None) -> None:
    if exception is None:
        pages = [record for _, record in sorted(_collected(app.env).items())]
        Path(app.outdir, "outcomes.json").write_text(json.dumps(pages, ensure_ascii=False, indent=1), encoding="utf-8")


def setup(app: Sphinx) -> None:
    app.add_directive("outcomes", Outcomes)
    app.connect("env-purge-doc", _forget)
    app.connect("env-merge-info", _merge)
    app.connect("build-finished", _write)
