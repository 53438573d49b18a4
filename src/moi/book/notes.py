"""What pages note for the whole book while they are read: kept with the environment, forgotten with their page."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def notes(env: BuildEnvironment, kind: str) -> dict[str, Any]:
    """Page to what it has noted of this ``kind``; write into it to note something."""
    kinds: dict[str, dict[str, Any]] = env.__dict__.setdefault("moi_notes", {})
    return kinds.setdefault(kind, {})


def changed(env: BuildEnvironment, name: str, state: object) -> bool:
    """Whether ``state`` differs from what it was at the last build (or there was none); it is kept for the next."""
    before: dict[str, object] = env.__dict__.setdefault("moi_states", {})
    same = name in before and before[name] == state
    before[name] = state
    return not same


def _forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    for noted in env.__dict__.get("moi_notes", {}).values():
        noted.pop(docname, None)


def _merge(app: Sphinx, env: BuildEnvironment, docnames: list[str], other: BuildEnvironment) -> None:
    for kind, noted in other.__dict__.get("moi_notes", {}).items():
        notes(env, kind).update({page: noted[page] for page in docnames if page in noted})


def setup(app: Sphinx) -> None:
    app.connect("env-purge-doc", _forget)
    app.connect("env-merge-info", _merge)
