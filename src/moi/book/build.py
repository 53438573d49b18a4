"""Builds the book: ``python -m moi.book.build``. Where that fails, the pages' own errors are the last that is said."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

LOG = Path("_build", "book.log")
_OPTIONS = ["--config", "_config.yml", "--path-output", ".", "-W", "-n", "--keep-going"]
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PROGRESS = re.compile(r"(reading sources|writing output)\.\.\. \[")
_BEGINS = r"(?:\S.*: )?(?:WARNING|ERROR|CRITICAL|SEVERE): "
_ENDS = r"Traceback \(most|The full traceback|\[IPKernelApp\]|Exception occurred:|\w+ error:"
_OF_A_PAGE = re.compile(rf"^{_BEGINS}.*\n(?:(?!{_BEGINS}|{_ENDS}).*\n)*", re.MULTILINE)
_OF_NO_PAGE = re.compile(rf"^(?:Exception occurred|\w+ error):\n(?:(?!{_ENDS}).*\n)*", re.MULTILINE)
# How a cell came to be run: the cell itself and its error follow.
_RUNNING = re.compile(r"^Traceback \(most.*\n(?:  .*\n)*\S*CellExecutionError: .*\n", re.MULTILINE)


def reasons(said: str) -> str:
    """Why a build failed, from what it has said: the pages' errors and warnings, else what stopped it."""
    text = _RUNNING.sub("", _COLOUR.sub("", said))
    found = _OF_A_PAGE.findall(text) or _OF_NO_PAGE.findall(text) or [text[-2000:]]
    return "\n\n".join(part.strip() for part in dict.fromkeys(found))


def main() -> int:
    """Build the book of this folder, with a line for each page; return the exit status."""
    LOG.parent.mkdir(exist_ok=True)
    program = Path(sys.executable).parent / "jupyter-book"
    command = [str(program), "build", "book", "--toc", str(Path("book/_toc.yml").absolute()), *_OPTIONS]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with open(LOG, "w+", encoding="utf-8") as log:
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True, encoding="utf-8"
        ) as building:
            for line in building.stdout or ():
                if _PROGRESS.match(line := _COLOUR.sub("", line)):
                    print(line.rstrip(), flush=True)
        log.seek(0)
        if building.returncode:
            print(f"\nThe book was not built ({LOG} has the details):\n\n{reasons(log.read())}", file=sys.stderr)
    return building.returncode


if __name__ == "__main__":
    raise SystemExit(main())
