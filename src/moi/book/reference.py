"""The reference of the mini-models, written from their own declarations: ``moi-model-reference``."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from moi.model import Measure, MiniModel, Parameter
from moi.models import all_models

_BETTER = {"more": "more is better", "less": "less is better", None: "–"}


def as_markdown(model: type[MiniModel]) -> str:
    """The section of one model: its question, its parameters and its measures."""
    start = model()
    parameters = [_row(_parameter(p, start)) for p in model.parameters.values()]
    measures = [_row(_measure(m)) for m in model.measures]
    return "\n".join(
        [
            f"(model-{model.name})=",
            f"## {model.title}",
            "",
            model.question,
            "",
            f"On the command line and in code: `{model.name}`.",
            "",
            _table(f"Parameters of {model.name}", ["Name", "What it is", "Whose", "Default", "Allowed"], parameters),
            "",
            _table(f"Measures of {model.name}", ["Name", "What it is", "Judged by", "Better", "Unit"], measures),
            "",
        ]
    )


def _parameter(parameter: Parameter, start: MiniModel) -> list[str]:
    what = f"{parameter.label}: {parameter.meaning}" if parameter.meaning else parameter.label
    whose = parameter.side + (" (decides)" if parameter.decides else "")
    return [f"`{parameter.name}`", what, whose, _default(parameter), parameter.allowed(start)]


def _measure(measure: Measure) -> list[str]:
    return [f"`{measure.name}`", measure.label, measure.side or "–", _BETTER[measure.better], measure.unit or "–"]


def _default(parameter: Parameter) -> str:
    value: Any = parameter.default
    if value is None:
        return "left out"
    if isinstance(value, tuple):
        shown = ", ".join(f"{v:g}" for v in value[:6])
        return f"{shown}, … ({len(value)} numbers)" if len(value) > 6 else shown
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"`{value}`"
    return f"{value:,.10g}".replace(",", " ")


def _table(caption: str, head: list[str], rows: list[str]) -> str:
    return "\n".join(
        [
            f":::{{list-table}} {caption}",
            ":header-rows: 1",
            ":widths: auto",
            ":class: reference-table",
            "",
            _row(head),
            *rows,
            ":::",
        ]
    )


def _row(cells: list[str]) -> str:
    return "\n".join(f"{'* -' if number == 0 else '  -'} {cell}" for number, cell in enumerate(cells))


class ModelReference(SphinxDirective):
    """``moi-model-reference``: a section for every mini-model, or for the one that is named."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The sections, in alphabetical order of the models' names."""
        models = all_models()
        names = self.arguments or list(models)
        text = "\n".join(as_markdown(models[name]) for name in names)
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> None:
    app.add_directive("moi-model-reference", ModelReference)
