"""The random state that a test shares with a learner's function, as in one process: Python's own and numpy's."""

from __future__ import annotations

import functools
import hashlib
import random
import sys
from collections.abc import Callable
from typing import Any

_WORDS = 624  # of a state
seeds = [0]  # how often a state was set here, see watch_seeds


def state() -> list[Any]:
    """Of the generators of this process that everybody draws from, as plain data."""
    return _both(random, sys.modules["numpy"].random if "numpy" in sys.modules else None)


def watch_seeds() -> None:
    """Count from now on in :data:`seeds` how often a state is set, be it to what it was."""
    places = [(random, "seed"), (random, "setstate")]
    if "numpy" in sys.modules:
        places += [(sys.modules["numpy"].random, "seed"), (sys.modules["numpy"].random, "set_state")]
    for module, name in places:
        setattr(module, name, _counted(getattr(module, name)))


def _counted(setting: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(setting)
    def counted(*given: Any, **named: Any) -> Any:
        seeds[0] += 1
        return setting(*given, **named)

    return counted


def have(state: list[Any]) -> None:
    """Go on from such a state. Raises ``ValueError`` or ``TypeError`` if it is none."""
    (version, words, gauss), *numpy_has = state
    if not (gauss is None or type(gauss) is float):
        raise ValueError("no random state")
    random.setstate((version, tuple(words), gauss))
    if numpy_has and "numpy" in sys.modules:
        import numpy

        have_numpy(numpy.random, *numpy_has[0])


def have_numpy(generator: Any, words: bytes, place: Any, *rest: Any) -> None:
    """Let numpy's random module, or a ``RandomState``, go on from the parts of a state."""
    if not (type(place) is int and 0 <= place <= _WORDS):  # numpy does not look, and reads there
        raise ValueError("no random state")
    generator.set_state(("MT19937", memoryview(words).cast("I"), place, *rest))


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
