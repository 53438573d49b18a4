"""The random state that a test shares with a learner's function, as in one process: Python's own and numpy's."""

from __future__ import annotations

import hashlib
import random
import sys
from typing import Any


def state() -> list[Any]:
    """Of the generators of this process that everybody draws from, as plain data."""
    found: list[Any] = [random.getstate()]
    if "numpy" in sys.modules:
        _, key, *rest = sys.modules["numpy"].random.get_state()
        found.append([key.tolist(), rest])
    return found


def veiled(state: list[Any], secret: bytes) -> list[Any]:
    """Another such state, which follows from ``state``; who does not know ``secret`` cannot find the way back."""
    seed = hashlib.sha256(secret + repr(state).encode()).digest()
    found: list[Any] = [random.Random(seed).getstate()]
    if len(state) > 1:
        words = list(memoryview(seed).cast("I"))
        _, key, *rest = sys.modules["numpy"].random.RandomState(words).get_state()
        found.append([key.tolist(), rest])
    return found
