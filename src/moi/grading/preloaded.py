"""What the process imports from which local workers are forked: see :mod:`moi.grading.workers`."""

import contextlib
import signal

from moi.grading.workers import importing

signal.signal(signal.SIGINT, signal.SIG_IGN)  # in workers too: whoever interrupts the grader means the coordinator
with importing():
    import moi.grading.fanout  # noqa: F401

    with contextlib.suppress(ImportError):
        import matplotlib.font_manager  # noqa: F401
