"""Citations by author and year in round brackets, and a bibliography in the order of the authors, without labels."""

from __future__ import annotations

from dataclasses import dataclass, field

from pybtex.plugin import register_plugin as register_pybtex
from pybtex.style.formatting.unsrt import Style as Unsorted
from sphinx.application import Sphinx
from sphinxcontrib.bibtex.plugin import register_plugin as register_sphinx
from sphinxcontrib.bibtex.style.referencing import BracketStyle
from sphinxcontrib.bibtex.style.referencing.author_year import AuthorYearReferenceStyle


class ByAuthor(Unsorted):
    """Entries as pybtex's plain style writes them, sorted by author and year."""

    default_sorting_style = "author_year_title"
    default_label_style = "alpha"


def _round() -> BracketStyle:
    return BracketStyle(left="(", right=")")


@dataclass
class RoundBrackets(AuthorYearReferenceStyle):
    """Winters (1960) in the text, (Winters, 1960) in passing."""

    bracket_textual: BracketStyle = field(default_factory=_round)
    bracket_parenthetical: BracketStyle = field(default_factory=_round)


def setup(app: Sphinx) -> None:
    register_pybtex("pybtex.style.formatting", "moi", ByAuthor)
    register_sphinx("sphinxcontrib.bibtex.style.referencing", "moi", RoundBrackets)
