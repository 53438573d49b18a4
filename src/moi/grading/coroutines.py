"""Coroutines whose code is in another process: each runs to its end there, as soon as it is asked to begin."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Iterator
from typing import Any, NoReturn

from IPython.core.async_helpers import get_asyncio_loop


class Deferred:
    """What asyncio takes for a coroutine. A subclass says how it is run to its end (:meth:`_moi_end`)."""

    __slots__ = ()

    def _moi_end(self) -> Any:
        raise NotImplementedError

    def send(self, value: Any) -> NoReturn:
        raise StopIteration(self._moi_end())

    def throw(self, kind: Any, value: Any = None, trace: Any = None) -> NoReturn:
        self.close()
        raise kind if value is None else value

    def close(self) -> None:
        """Nothing has begun here that would have to end."""

    def __await__(self) -> Iterator[Any]:
        return self._moi_end()  # type: ignore[no-any-return]
        yield


def run_to_end(target: Awaitable[Any]) -> Any:
    """What ``target`` gives in the end."""

    async def awaited() -> Any:
        return await target

    around = asyncio._get_running_loop()
    if around is None:  # in the loop of the cells, which lasts: what was begun in it may go on
        return get_asyncio_loop().run_until_complete(awaited())
    asyncio._set_running_loop(None)  # it waits meanwhile for what this is asked for
    try:
        with contextlib.closing(asyncio.new_event_loop()) as loop:
            return loop.run_until_complete(awaited())
    finally:
        asyncio._set_running_loop(around)
