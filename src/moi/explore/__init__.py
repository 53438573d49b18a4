"""The explorer: one front end for every mini-model, alive in a notebook and on a static page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moi.explore.figure import Explorer

__all__ = ["explore"]


def explore(model: str, *, show: tuple[str, ...] = (), **values: Any) -> Explorer:
    """A figure of the mini-model called ``model`` that can be played with, starting at ``values``.

    ``show`` names settings that stand with the levers, in view; the other settings are behind a disclosure. In
    JupyterLab the figure is a widget whose parameters are traits; in the built book it is a static page that comes
    alive in the browser. Raises :class:`~moi.models.UnknownModel` or :class:`~moi.model.InputError`.
    """
    # Imported late: the page's worker has the standard library only and never draws a figure itself.
    from moi.explore.figure import figure

    return figure(model, show, values)
