"""What the process imports from which local workers are forked: see :mod:`moi.grading.workers`."""

import contextlib

from moi.grading.workers import importing

with importing():
    import moi.grading.fanout  # noqa: F401

    with contextlib.suppress(ImportError):
        import matplotlib.font_manager  # noqa: F401
