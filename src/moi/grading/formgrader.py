"""What nbgrader's formgrader shows of graded work: long lines that a test reports wrap there.

``c.HTMLExporter.preprocessors = ["moi.grading.formgrader.Wrapped"]`` is all that it needs. What is kept stays as it is.
"""

from __future__ import annotations

from typing import Any

from nbconvert.filters.ansi import ansi2html
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.utils import is_grade, is_solution


class Wrapped(Preprocessor):
    """Shows what test cells have printed, and what is told to the instructor, as paragraphs that wrap."""

    def preprocess_cell(self, cell: NotebookNode, resources: Any, index: int) -> tuple[NotebookNode, Any]:
        """The cell, and nbconvert's resources as they were."""
        if cell.cell_type == "code" and is_grade(cell) and not is_solution(cell):
            cell.outputs = [_wrapped(output) for output in cell.outputs]
        return cell, resources


def _wrapped(output: NotebookNode) -> NotebookNode:
    if output.output_type == "stream" and output.name == "stdout":
        text = output.text
    elif output.output_type == "display_data" and [*output.data] == ["text/plain"]:
        text = output.data["text/plain"]
    else:
        return output
    page = f'<pre style="white-space: pre-wrap; word-break: normal; margin: 0">{ansi2html(text)}</pre>'
    return new_output("display_data", {"text/html": page})  # type: ignore[no-any-return, no-untyped-call]
