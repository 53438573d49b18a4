"""Workers of this machine are forks of one process, which imports what they need while the coordinator does its own."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


def prepare() -> None:
    """Start that process, unless it runs already."""
    from multiprocessing import forkserver  # there is none on Windows

    forkserver.set_forkserver_preload(["moi.grading.preloaded"])
    forkserver.ensure_running()


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Much is imported here that stays: looking through it for garbage, now and later, takes a fifth as long again."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
