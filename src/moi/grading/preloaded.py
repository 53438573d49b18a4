"""What the process imports from which local workers are forked: see :mod:`moi.grading.workers`."""

import signal

from moi.grading.workers import importing

signal.signal(signal.SIGINT, signal.SIG_IGN)  # in workers too: whoever interrupts the grader means the coordinator
with importing():
    import moi.grading.fanout
    import moi.grading.run  # noqa: F401
