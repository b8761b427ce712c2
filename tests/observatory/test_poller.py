"""A stream of feeds that fail once, or whose state changes back before it is looked at again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from starlette.types import Message

from qe_plugins.observatory.live.feeds import Feed, FeedRequest
from qe_plugins.observatory.live.poller import Poller, StreamReader
from qe_plugins.observatory.live.stream import EventStream


def stream(until: str, *feeds: Feed, since: str = "") -> str:
    """Return what is streamed of feeds, up to the first event with the text `until`."""
    sent: list[str] = []

    async def run() -> None:
        wanted = [FeedRequest(name=feed.name, since=since) for feed in feeds]
        poller = Poller({feed.name: feed for feed in feeds})
        enough = asyncio.Event()

        async def send(message: Message) -> None:
            sent.append(message.get("body", b"").decode())
            if until in sent[-1]:
                enough.set()

        async def receive() -> Message:
            await enough.wait()
            return {"type": "http.disconnect"}

        await asyncio.wait_for(
            EventStream(poller, StreamReader(wanted), lambda: True)({}, receive, send), 20
        )

    asyncio.run(run())
    return "".join(sent)


class Table:
    """A table of two rows, then three once two were sent; `fails` are looks that raise."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.failures: list[str] = []
        self.cursor_fails: Callable[[], bool] = lambda: False
        self.render_fails: Callable[[], bool] = lambda: False

    def cursor(self, _argument: str) -> str:
        self._fail(self.cursor_fails())
        return "3" if self.sent else "2"

    def render(self, _argument: str, since: str, until: str) -> str:
        self._fail(self.render_fails())
        self.sent.append((since, until))
        return f"up to row {until}."

    def _fail(self, fails: bool) -> None:
        if fails and not self.failures:
            self.failures.append("locked")
            raise OSError("locked")


@pytest.mark.parametrize("what", ["cursor", "cursor_after_rows", "render"])
def test_a_table_that_fails_once_sends_each_row_once(what: str) -> None:
    table = Table()
    if what == "render":
        table.render_fails = lambda: True
    else:
        table.cursor_fails = lambda: what == "cursor" or bool(table.sent)

    text = stream(
        "up to row 3.", Feed(name="rows", cursor=table.cursor, render=table.render), since="1"
    )

    assert table.failures == ["locked"]
    assert text.count("up to row 2.") == text.count("up to row 3.") == 1
    assert [one for one in table.sent if one[0] != one[1]] == [("1", "2"), ("2", "3")]


def test_a_state_that_changed_back_is_rendered_again_while_another_feed_changes_at_each_look() -> (
    None
):
    rendered: list[str] = []
    halted: list[str] = []
    looks = 0

    def state_cursor(_argument: str) -> str:
        return halted.pop() if halted else "flat"

    def state(_argument: str, _since: str, _until: str) -> str:
        if not rendered:  # it changed between look and rendering, for one reading of its cursor
            halted.append("halted")
        rendered.append("halted" if halted else "flat")
        return f"state {rendered[-1]}."

    def clock(_argument: str) -> str:
        nonlocal looks
        looks += 1
        return str(looks)

    feeds = (
        Feed(name="state", cursor=state_cursor, render=state),
        Feed(name="clock", cursor=clock, render=lambda argument, since, until: until),
    )
    stream("state flat.", *feeds)

    assert rendered[:2] == ["halted", "flat"]
    assert looks < 20
