"""The figure that ``explore`` returns: a live widget in a notebook, plain HTML while the book is being built."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from moi import models
from moi.explore import html
from moi.model import InputError


class Explorer(Protocol):
    """What ``explore`` returns, in either host."""

    def _repr_mimebundle_(self, **kwargs: Any) -> Any: ...


class StaticFigure:
    """A figure in the built book: HTML that can be read without a script and that the page brings to life."""

    def __init__(self, markup: str, text: str) -> None:
        self.markup, self.text = markup, text

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        return {"text/html": self.markup, "text/plain": self.text}


def figure(name: str, show: Sequence[str], values: Mapping[str, Any]) -> Explorer:
    """The explorer of the model ``name`` at ``values``, with the settings in ``show`` standing in view."""
    model = models.get(name).of(values)
    for setting in show:
        if setting not in model.parameters:
            raise InputError(
                "show", setting, ", ".join(model.parameters), f"{name} has no parameter {setting!r} to show."
            )
    if os.environ.get("MOI_BOOK"):
        return StaticFigure(html.page_figure(model, show), model.outcome().summary)
    # A widget is never made while the book is built: its state would end up in the page.
    from moi.explore.widget import ExplorerWidget

    return ExplorerWidget(model, show)
