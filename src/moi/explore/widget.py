"""The explorer in JupyterLab: an anywidget whose parameters are traits, so that any ipywidget can be linked to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from moi.explore import html
from moi.explore.answering import answer
from moi.model import InputError, MiniModel

STATIC = Path(__file__).parent / "static"


class ExplorerWidget(anywidget.AnyWidget):
    """A figure of one model. Each parameter of the model is a trait of the same name; ``shown`` is the last answer.

    A value that the model cannot take raises :class:`traitlets.TraitError` in the model's words, and the trait
    keeps its value.
    """

    _esm = STATIC / "widget.js"
    _css = STATIC / "explorer.css"
    _markup = traitlets.Unicode().tag(sync=True)
    shown = traitlets.Dict().tag(sync=True)

    def __init__(self, model: MiniModel, show: Sequence[str] = ()) -> None:
        shown = answer({"model": model.name, "values": model.values})
        super().__init__(_markup=html.markup(model, show), shown=shown)
        self._model = model
        self.add_traits(**{name: traitlets.Any(value).tag(sync=True) for name, value in model.values.items()})
        self.observe(self._moved, list(model.parameters))
        self.on_msg(self._asked)

    @property
    def model(self) -> MiniModel:
        """The model in the state that the figure shows."""
        return self._model

    def set_values(self, **values: Any) -> None:
        """Set several parameters at once; one that is refused raises :class:`~moi.model.InputError`, and none moves."""
        model = self._model.but(**values)
        self._model = model
        with self.hold_sync():
            for name, value in model.values.items():
                setattr(self, name, value)
            self.shown = answer({"model": model.name, "values": model.values})

    def _moved(self, change: Any) -> None:
        """A trait was set from Python or through a link: compute, or refuse and put it back."""
        if change["new"] == self._model.values[change["name"]]:
            return
        try:
            self.set_values(**{change["name"]: change["new"]})
        except InputError as error:
            setattr(self, change["name"], self._model.values[change["name"]])
            raise traitlets.TraitError(str(error)) from error

    def _asked(self, _: Any, request: dict[str, Any], __: Any) -> None:
        """The front end asks as it does in the page; what it gets back also becomes the state of the traits."""
        found = answer({"model": self._model.name, **request["ask"]})
        self.send({"id": request["id"], "answer": found})
        if "error" not in found:
            self._model = self._model.but(**found["values"])
            with self.hold_sync():
                for name, value in found["values"].items():
                    setattr(self, name, value)
                self.shown = {key: part for key, part in found.items() if key != "comparison"}
