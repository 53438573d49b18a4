"""The random state that a test shares with a learner's function, as in one process: Python's own and numpy's."""

from __future__ import annotations

import hashlib
import random
import sys
from typing import Any


def state() -> list[Any]:
    """Of the generators of this process that everybody draws from, as plain data."""
    return _both(random, sys.modules["numpy"].random if "numpy" in sys.modules else None)


def have(state: list[Any]) -> None:
    """Go on from such a state."""
    (version, words, gauss), *numpy_has = state
    random.setstate((version, tuple(words), gauss))
    if numpy_has and "numpy" in sys.modules:
        import numpy

        [[words, *rest]] = numpy_has
        numpy.random.set_state(("MT19937", numpy.frombuffer(words, numpy.uint32), *rest))


def _both(chance: Any, of_numpy: Any) -> list[Any]:
    found: list[Any] = [chance.getstate()]
    if of_numpy is not None:
        _, words, *rest = of_numpy.get_state()
        found.append([words.tobytes(), *rest])
    return found


def veiled(state: list[Any], secret: bytes) -> list[Any]:
    """Another such state, which follows from ``state``; who does not know ``secret`` cannot find the way back."""
    seed = hashlib.sha256(secret + repr(state).encode()).digest()
    words = list(memoryview(seed).cast("I"))
    return _both(random.Random(seed), sys.modules["numpy"].random.RandomState(words) if len(state) > 1 else None)
