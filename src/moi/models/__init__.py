"""The mini-models, one file each: a new file is found by the explorer, the command line, the page and the tests."""

import functools
import importlib
import pkgutil

from moi.model import MiniModel


class UnknownModel(LookupError):
    """No mini-model has this name; ``str(error)`` lists those that exist."""

    def __str__(self) -> str:
        return str(self.args[0])


@functools.cache
def all_models() -> dict[str, type[MiniModel]]:
    """Name to class, in alphabetical order, of every mini-model in this package."""
    found: dict[str, type[MiniModel]] = {}
    for module in pkgutil.iter_modules(__path__):
        names = vars(importlib.import_module(f"{__name__}.{module.name}"))
        here = [c for c in names.values() if isinstance(c, type) and issubclass(c, MiniModel) and c is not MiniModel]
        found |= {c.name: c for c in here if c.__module__ == f"{__name__}.{module.name}"}
    return dict(sorted(found.items()))


def get(name: str) -> type[MiniModel]:
    """The mini-model called ``name``; raises :class:`UnknownModel` with the names that exist."""
    models = all_models()
    if name not in models:
        raise UnknownModel(f"there is no model {name!r}; there are {', '.join(models)}.")
    return models[name]
