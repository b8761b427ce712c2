"""The state strip: one word, one glyph and one sentence, from the halt and the heartbeats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Literal

import msgspec

from qe_plugins.halt.latch import Halt, HaltLatch
from qe_plugins.halt.status import Reading, SeenSession, read_sessions

LATE = 5.0
"""Seconds without a heartbeat after which the strip says that a node is silent."""

type Tone = Literal["idle", "calm", "open", "halted", "lost"]


class StripFigure(msgspec.Struct, frozen=True, kw_only=True):
    """A value of the strip: its name, its text, and when it was read (Unix ms)."""

    name: str
    text: str
    read_ms: int


class StripEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What comes next, `break` or `roll of ES`, and when (Unix ms)."""

    name: str
    at_ms: int


class StripState(msgspec.Struct, frozen=True, kw_only=True):
    """What the strip says. `tone` chooses colour and glyph; `word` and `sentence` say the same.

    `read_ms` is when the newest heartbeat was written, or, without a session, when the state was
    read (Unix ms); `since_ms`, where it is set, is what the sentence counts from. `more` are
    sentences about other sessions. `holds` are the contracts held, `watched` those with bars.
    `at_risk` says what can be lost, `advice` what a person does now, empty where it is nothing.
    """

    tone: Tone
    word: str
    sentence: str
    read_ms: int
    since_ms: int | None = None
    more: tuple[str, ...] = ()
    figures: tuple[StripFigure, ...] = ()
    holds: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()
    events: tuple[StripEvent, ...] = ()
    at_risk: str = ""
    advice: str = ""


GLYPHS: dict[Tone, str] = {
    "idle": "○",
    "calm": "●",
    "open": "◆",
    "halted": "■",
    "lost": "▲",
}


class PositionText(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a position: `from 6,500.25, stop 6,490.00`, and what it can lose."""

    prices: str = ""
    at_risk: str = "not known"


UNKNOWN = PositionText()

type Details = Callable[[str, str, Decimal], PositionText]
"""Returns what to say of a run's position: run, contract, signed contracts by its heartbeat."""

ADVICE: dict[Tone, str] = {
    "halted": "look at why; `qe resume` at a terminal ends the halt",
    "lost": "look at the node's process; Flatten or `qe flatten` close without it",
}
"""What a person does in a state. In the others MissionControl alone asks."""


def read_strip(latch: HaltLatch, now: datetime, details: Details) -> StripState:
    """Return what the strip says now."""
    sessions, unreadable = read_sessions()
    return strip_state(latch.read(), sessions, unreadable, now, details)


def strip_state(
    halt: Halt | None,
    sessions: Sequence[SeenSession],
    unreadable: Sequence[str],
    now: datetime,
    details: Details = lambda run_id, contract, contracts: UNKNOWN,
) -> StripState:
    """Return what the strip says of a halt and of sessions; the worst of them comes first."""
    now_ms, details = int(now.timestamp() * 1000), cache(details)  # it reads the journal
    states = sorted(
        (_of_session(one, now_ms, details) for one in sessions),
        key=lambda one: ORDER.index(one.tone),
    )
    states += [
        StripState(tone="lost", word="UNREADABLE", sentence=text, read_ms=now_ms)
        for text in unreadable
    ]
    holds = tuple(name for one in states for name in one.holds)
    watched = tuple(
        sorted({name for one in sessions if _on_time(one) for name in one.status.last_bars})
    )
    if halt is not None:
        first = StripState(
            tone="halted",
            word=f"HALTED {halt.since.astimezone(UTC):%H:%M}",
            sentence=f"by {halt.who}: {halt.reason}",
            read_ms=now_ms,
            since_ms=int(halt.since.timestamp() * 1000),
        )
        states.insert(0, first)
    if not states:
        idle = StripState(
            tone="idle",
            word="NO SESSION",
            sentence="no node runs on this machine; nothing is traded from here.",
            read_ms=now_ms,
        )
        states.append(idle)
    main = states[0]
    return msgspec.structs.replace(
        main,
        more=tuple(f"{one.word} {one.sentence}" for one in states[1:]),
        figures=next((one.figures for one in states if one.figures), ()),
        holds=holds,
        watched=watched,
        at_risk=_at_risk(sessions, unreadable, details),
        advice=ADVICE.get(main.tone, ""),
    )


def _at_risk(sessions: Sequence[SeenSession], unreadable: Sequence[str], details: Details) -> str:
    """Return what can be lost in the positions of all sessions, as far as it is known."""
    said = [
        f"{name.partition('.')[0]}: {details(one.status.run_id, name, count).at_risk}"
        for one in sessions
        for name, count in sorted(one.status.positions.items())
        if count
    ]
    if unreadable:
        said.append("not known of what cannot be read here; TWS shows every position")
    if not said and any(one.state != "running" or one.age > LATE for one in sessions):
        return "nothing was held when last seen; TWS shows every position"
    return "; ".join(said) or "no session holds a position: nothing can be lost from here"


ORDER: tuple[Tone, ...] = ("halted", "lost", "open", "calm", "idle")


def _on_time(seen: SeenSession) -> bool:
    """Return whether a session runs on the present, not on recorded data."""
    return abs((seen.status.engine_time - seen.status.wall_time).total_seconds()) < 3600


def _of_session(seen: SeenSession, now_ms: int, details: Details) -> StripState:
    """Return what the strip would say if there were only this session, and no halt."""
    one = seen.status
    read_ms = now_ms - int(seen.age * 1000)
    held = {name: count for name, count in sorted(one.positions.items()) if count}
    position = ", ".join(
        f"{'LONG' if count > 0 else 'SHORT'} {abs(count):f} {name.partition('.')[0]}"
        for name, count in held.items()
    )
    texts = [details(one.run_id, name, count).prices for name, count in held.items()]
    prices = "; ".join(text for text in texts if text)
    tone, word, text, since_ms = _in_words(seen, position, prices, read_ms)
    return StripState(
        tone=tone,
        word=word,
        sentence=text,
        read_ms=read_ms,
        since_ms=since_ms,
        figures=tuple(_figures(seen, read_ms)),
        holds=tuple(held),
    )


def _in_words(
    seen: SeenSession, position: str, prices: str, read_ms: int
) -> tuple[Tone, str, str, int | None]:
    """Return tone, word and sentence of a session, and from when the sentence counts."""
    one = seen.status
    if seen.state == "died" or seen.age > LATE:
        word = "NODE DIED" if seen.state == "died" else "NODE SILENT"
        last = f"{one.name}, process {one.pid}; held when last seen: {position or 'nothing'}"
        return "lost", word, f"{last} {prices}".rstrip() + ".", read_ms
    waits = f" No new risk: {one.waits}." if one.waits else ""
    if position:
        return "open", position, f"{prices or f'{one.mode}, {one.name}'}{waits}", None
    return "calm", "FLAT", f"{one.mode}, {one.name}: nothing is held.{waits}", None


def _figures(seen: SeenSession, read_ms: int) -> list[StripFigure]:
    one = seen.status
    found = []
    loss: Reading | None = one.readings.get("daily_loss")
    if loss is not None:
        found.append(StripFigure(name="today", text=loss.text, read_ms=read_ms))
    elif one.day_pnl is not None:
        text = f"{one.day_pnl:+,.2f} {one.currency}"
        found.append(StripFigure(name="today", text=text, read_ms=read_ms))
    if one.equity is not None:
        text = f"{one.equity:,.2f} {one.currency}"
        found.append(StripFigure(name="equity", text=text, read_ms=read_ms))
    fired = sorted(name for name, reading in one.readings.items() if reading.fired)
    if fired:
        found.append(StripFigure(name="fired", text=", ".join(fired), read_ms=read_ms))
    return found
