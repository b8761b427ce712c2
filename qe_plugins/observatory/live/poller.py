"""One poller for all pages: it looks for changes while a stream is open, and only then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import msgspec

from qe_plugins.observatory.live.feeds import Feed, FeedRequest
from qe_plugins.safe_text import one_line

LOG = logging.getLogger(__name__)
EVERY = 0.25
"""Seconds between two looks."""

MOST_WAITING = 16
"""Changes that may wait for one reader; a slower one is dropped."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A feed has another cursor: `key` is the feed with its argument."""

    key: str
    cursor: str


class StreamReader:
    """One open stream: the changes that wait for it. `slow` says that some were dropped."""

    def __init__(self, wanted: list[FeedRequest]) -> None:
        self.wanted = {one.key: one for one in wanted}
        self.slow = False
        self._waiting: asyncio.Queue[Change] = asyncio.Queue(MOST_WAITING)

    def give(self, change: Change) -> None:
        """Add a change; where too many wait already, the reader is slow."""
        try:
            self._waiting.put_nowait(change)
        except asyncio.QueueFull:
            self.slow = True

    async def next(self, seconds: float) -> Change | None:
        """Return the next change, or None after so many seconds without one."""
        try:
            return await asyncio.wait_for(self._waiting.get(), seconds)
        except TimeoutError:
            return None


class Poller:
    """Reads the cursor of every subscribed feed, once for all readers.

    A feed whose cursor fails has no change until it can be read again.
    """

    def __init__(self, feeds: Mapping[str, Feed]) -> None:
        self.feeds = feeds
        self._readers: set[StreamReader] = set()
        self._cursors: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def readers(self) -> int:
        """Return the number of open streams."""
        return len(self._readers)

    def look_again(self, key: str) -> None:
        """Report the cursor of a feed at the next look as a change, also where it is the same."""
        self._cursors.pop(key, None)

    def join(self, reader: StreamReader) -> None:
        """Report every change to a reader from now on, beginning with the present state."""
        self._readers.add(reader)
        for key in reader.wanted:
            if key in self._cursors:
                reader.give(Change(key=key, cursor=self._cursors[key]))
        if self._task is None:
            self._task = asyncio.create_task(self._look())

    def leave(self, reader: StreamReader) -> None:
        """Forget a reader; without any, the poller stops."""
        self._readers.discard(reader)
        if not self._readers and self._task is not None:
            self._task.cancel()
            self._task = None
            self._cursors.clear()

    async def _look(self) -> None:
        while True:
            wanted = {key: one for reader in self._readers for key, one in reader.wanted.items()}
            found = await asyncio.to_thread(self._cursors_of, wanted)
            for key in self._cursors.keys() - wanted.keys():
                del self._cursors[key]
            for key, cursor in found.items():
                if self._cursors.get(key) != cursor:
                    self._cursors[key] = cursor
                    for reader in list(self._readers):
                        if key in reader.wanted:
                            reader.give(Change(key=key, cursor=cursor))
            await asyncio.sleep(EVERY)

    def _cursors_of(self, wanted: Mapping[str, FeedRequest]) -> dict[str, str]:
        found = {}
        for key, one in wanted.items():
            try:
                found[key] = self.feeds[one.name].cursor(one.argument)
            except Exception as error:  # a page's feed must not stop the strip
                LOG.warning("feed %s: %s", key, one_line(error))
        return found
