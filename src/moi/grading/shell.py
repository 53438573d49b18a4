"""A notebook's Python without its kernel: runs a cell, and gives its outputs as a notebook keeps them.

It is IPython's own shell (magics, displays, figures, widgets, ``await``), with what it shows recorded instead of sent.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Any as AnyTrait
from traitlets import Type

from moi.grading.checks import text_of

MOST_TEXT = 1_000_000  # characters of one cell's streams that are kept
MOST_OUTPUTS = 1_000


class Recorder:
    """The outputs of the cell that is running, in the format of notebooks."""

    def __init__(self) -> None:
        self.outputs: list[dict[str, Any]] = []
        self.room = MOST_TEXT

    def take(self) -> list[dict[str, Any]]:
        """What has been recorded since the last call."""
        taken, self.outputs, self.room = self.outputs, [], MOST_TEXT
        return taken

    def add(self, output: dict[str, Any]) -> None:
        if len(self.outputs) < MOST_OUTPUTS:
            self.outputs.append(output)

    def text(self, name: str, text: str) -> None:
        if self.room <= 0:
            return
        kept = text[: self.room]
        self.room -= len(text)
        if self.room <= 0:
            kept += f"\n… (only the first {MOST_TEXT:,} characters are kept)\n"
        last = self.outputs[-1] if self.outputs else None
        if last and last["output_type"] == "stream" and last["name"] == name:
            last["text"] += kept
        else:
            self.add({"output_type": "stream", "name": name, "text": kept})

    def display(self, kind: str, data: Mapping[str, Any], metadata: Mapping[str, Any] | None) -> None:
        self.add({"output_type": kind, "data": dict(data), "metadata": dict(metadata or {})})


class Stream(io.TextIOBase):
    """Standard output or error of a notebook's cell."""

    encoding = "utf-8"

    def __init__(self, name: str, recorder: Recorder) -> None:
        self.name = name
        self._recorder = recorder

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._recorder.text(self.name, text)
        return len(text)


class _Publisher(DisplayPublisher):
    recorder = AnyTrait()

    def publish(self, data: Any, metadata: Any = None, *_: Any, update: bool = False, **__: Any) -> None:
        if not update:
            self.recorder.display("display_data", data, metadata)

    def clear_output(self, wait: bool = False) -> None:
        self.recorder.take()


class _Hook(DisplayHook):
    recorder = AnyTrait()

    def start_displayhook(self) -> None: ...

    def write_output_prompt(self) -> None: ...

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        self.recorder.display("execute_result", format_dict, md_dict)
        self.recorder.outputs[-1]["execution_count"] = self.prompt_count

    def finish_displayhook(self) -> None: ...

    @staticmethod
    def semicolon_at_end_of_expression(expression: str) -> bool:
        """As IPython finds it, which takes the whole cell apart for it: only where there may be one."""
        for line in reversed(expression.split("\n")):
            if ";" in line:
                return DisplayHook.semicolon_at_end_of_expression(expression)
            if line.strip() and not line.lstrip().startswith("#"):
                break
        return False


class Shell(InteractiveShell):
    """One notebook's shell; its names are those of the module ``__main__``."""

    display_pub_class = Type(_Publisher)
    displayhook_class = Type(_Hook)

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.transformed: dict[str, str] = {}  # cells as Python that have been seen before
        super().__init__()
        self.display_pub.recorder = self.displayhook.recorder = self.recorder
        self.colors = "nocolor"
        self.InteractiveTB.set_mode(mode="Plain")

    def transform_cell(self, raw_cell: str) -> str:
        return self.transformed.get(raw_cell) or super().transform_cell(raw_cell)  # type: ignore[no-any-return,no-untyped-call]

    def init_history(self) -> None:
        from IPython.core.history import HistoryManager

        HistoryManager.enabled = False  # type: ignore[assignment]  # it would start a thread and write a file
        super().init_history()

    def _tee(self, channel: str) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        """IPython would keep a second copy of all that is printed, without end."""
        return contextlib.nullcontext()

    def reset(self, *given: Any, **named: Any) -> None:
        """As IPython does it, and the last results are empty again, not missing."""
        super().reset(*given, **named)  # type: ignore[no-untyped-call]
        self.user_ns.update(_="", __="", ___="")

    def system(self, cmd: str) -> None:
        """Run ``!cmd`` without a terminal, of which there is none."""
        done = subprocess.run(
            self.var_expand(cmd, depth=1), shell=True, capture_output=True, text=True, errors="replace"
        )
        sys.stdout.write(done.stdout)
        sys.stderr.write(done.stderr)
        self.user_ns["_exit_code"] = done.returncode

    def enable_gui(self, gui: Any = None) -> None:
        """No event loop of windows here; figures are shown in the notebook."""

    def run(self, source: str, *, silent: bool = False) -> tuple[list[dict[str, Any]], BaseException | None]:
        """Run one cell. Returns its outputs, and the error that ended it if one did.

        If it is ``silent``, the value of its last line is not among them.
        """
        streams = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = Stream("stdout", self.recorder), Stream("stderr", self.recorder)
        try:
            result = self.run_cell(source, store_history=True, silent=silent)
        finally:
            sys.stdout, sys.stderr = streams
        return self.recorder.take(), result.error_before_exec or result.error_in_exec

    def _showtraceback(self, etype: type, evalue: BaseException, stb: list[str]) -> None:
        self.recorder.add(
            {"output_type": "error", "ename": etype.__name__, "evalue": text_of(evalue), "traceback": list(stb)}
        )
