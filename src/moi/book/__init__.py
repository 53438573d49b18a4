"""The Sphinx extension of the course: what its pages can say, how they are run, and how they look."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from moi.book import (
    asking,
    bibliography,
    decision_map,
    execution,
    figures,
    maths,
    notebooks,
    notes,
    outcomes,
    quiz,
    reference,
    theme,
)

PARTS = (
    execution,
    theme,
    maths,
    figures,
    bibliography,
    notebooks,
    notes,
    outcomes,
    decision_map,
    quiz,
    asking,
    reference,
)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register every part of the extension with Sphinx."""
    for part in PARTS:
        part.setup(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
