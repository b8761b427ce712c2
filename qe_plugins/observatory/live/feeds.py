"""Feeds: the parts of pages that change by themselves, and what a stream is asked for."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from qe_plugins.errors import QeError

MOST_FEEDS = 8
"""Feeds of one stream."""

ASKED = re.compile(r"([a-z_]{1,30})(?::([\w.@:-]{1,200}?))?(?:@(\d{1,20}))?")

UNSAFE = re.compile(r"[^\w.:@+-]")
"""What an event's id may not have of a cursor."""


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a page that changes by itself.

    `cursor(argument)` returns a text that is another one after each change; it is called four
    times a second while a page with the feed is open, on a thread of its own, so it must be cheap.
    For a table it is the number of the last row. `render(argument, since, until)` returns the HTML
    of the change from one cursor to another, one or more `<hx-partial hx-target=... hx-swap=...>`;
    `since` is empty where the page has nothing yet.
    """

    name: str
    cursor: Callable[[str], str]
    render: Callable[[str, str, str], str]


class FeedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream asks for: a feed's name, its argument, and the cursor that the page has."""

    name: str
    argument: str = ""
    since: str = ""

    @property
    def key(self) -> str:
        """Return the name with the argument, `scan:ID`."""
        return f"{self.name}:{self.argument}" if self.argument else self.name


def subscriptions(asked: str, last_id: str = "") -> list[FeedRequest]:
    """Return what `of=strip,scan:ID@CURSOR` asks for; a last event's id says what was received.

    Raises QeError for text that is no such list.
    """
    received = dict(
        part.rpartition("=")[::2] for part in last_id[:2000].split(";") if part.count("=") == 1
    )
    found: list[FeedRequest] = []
    for text in asked.split(",")[: MOST_FEEDS + 1]:
        match = ASKED.fullmatch(text)
        if match is None or len(found) == MOST_FEEDS:
            raise QeError("no list of feeds.", where="stream", hint="Write of=strip,scan:ID.")
        one = FeedRequest(name=match[1], argument=match[2] or "", since=match[3] or "")
        since = received.get(one.key, one.since)
        found.append(msgspec.structs.replace(one, since=since))
    return found


def event_id(cursors: dict[str, str]) -> str:
    """Return the id of an event: the cursor of every feed of its stream."""
    return ";".join(f"{key}={UNSAFE.sub('_', cursor)}" for key, cursor in cursors.items())
