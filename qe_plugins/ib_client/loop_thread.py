"""An event loop on a thread of its own, for callers on any other thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

PATIENCE = 5.0
"""Seconds to wait for the end of the thread."""

GRACE = 1.0
"""Seconds that a caller waits beyond the time-outs that the thread keeps."""


class LoopThread:
    """Runs coroutines one at a time, in the order of the calls."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock: asyncio.Lock | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def call[T](
        self, work: Coroutine[Any, Any, T], timeout: float, on_timeout: Callable[[], object]
    ) -> T:
        """Return what a coroutine returns, or raise what it raises.

        Raises TimeoutError where it takes longer than `timeout` seconds, after `on_timeout` was
        called on the thread, and where those before it take longer. Raises RuntimeError once the
        thread has ended.
        """
        alone = self._alone(work, timeout, on_timeout)
        try:
            future = asyncio.run_coroutine_threadsafe(alone, self._loop)
        except RuntimeError:
            alone.close()
            work.close()
            raise
        try:
            return future.result(2 * timeout + GRACE)
        except concurrent.futures.CancelledError:
            raise RuntimeError("the thread has ended") from None
        finally:
            future.cancel()

    def close(self, last: Callable[[], object]) -> None:
        """Call `last` on the thread and end it. A second call does nothing."""

        def stop() -> None:
            last()
            self._loop.stop()

        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(stop)
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._lock = asyncio.Lock()
        try:
            self._loop.run_forever()
        finally:
            with suppress(RuntimeError):
                for task in asyncio.all_tasks(self._loop):
                    task.cancel()
                self._loop.run_until_complete(asyncio.sleep(0))  # sockets close
            self._loop.close()

    async def _alone[T](
        self, work: Coroutine[Any, Any, T], timeout: float, on_timeout: Callable[[], object]
    ) -> T:
        assert self._lock is not None
        try:
            async with asyncio.timeout(timeout):
                await self._lock.acquire()
        except BaseException:
            work.close()
            raise
        try:
            async with asyncio.timeout(timeout):
                return await work
        except TimeoutError:
            on_timeout()
            raise
        finally:
            self._lock.release()
