"""The state strip: one word for each state, the worst first, from heartbeats and facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from qe_plugins.halt.latch import Halt
from qe_plugins.halt.status import Reading, SeenSession, SessionStatus
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.observatory.live.events import next_approval, next_events
from qe_plugins.observatory.live.position_text import position_text
from qe_plugins.observatory.live.positions import position_of
from qe_plugins.observatory.live.strip import PositionText, strip_state

NOW = datetime(2026, 11, 30, 15, 0, tzinfo=UTC)
CONTRACT = "MESZ26.XCME"
HALT = Halt(reason="data stale for 40 s", source="stale_data", since=NOW - timedelta(minutes=8))


def seen(state: str = "running", age: float = 0.5, held: int = 0, **changes: Any) -> SeenSession:
    status = SessionStatus(
        run_id="r1",
        name="mes",
        mode="live",
        pid=4711,
        host="desk",
        started=NOW,
        engine_time=NOW,
        wall_time=NOW,
        last_bars={CONTRACT: NOW},
        positions={CONTRACT: Decimal(held)} if held else {},
        **changes,
    )
    return SeenSession(state=state, age=age, status=status)  # type: ignore[arg-type]


def test_what_is_said_of_a_position_is_read_from_the_journal_once() -> None:
    read: list[str] = []

    def details(run_id: str, contract: str, contracts: Decimal) -> PositionText:
        read.append(contract)
        return PositionText(prices="from 6,500.25")

    state = strip_state(None, [seen(held=1)], [], NOW, details)

    assert (read, "6,500.25" in state.sentence) == ([CONTRACT], True)


@pytest.mark.parametrize(
    ("halt", "sessions", "tone", "word"),
    [
        (None, [], "idle", "NO SESSION"),
        (None, [seen()], "calm", "FLAT"),
        (None, [seen(held=1)], "open", "LONG 1 MESZ26"),
        (None, [seen(held=-2)], "open", "SHORT 2 MESZ26"),
        (None, [seen(age=14.0, held=1)], "lost", "NODE SILENT"),
        (None, [seen("died", 1.0)], "lost", "NODE DIED"),
        (HALT, [], "halted", "HALTED 14:52"),
        (HALT, [seen(held=1)], "halted", "HALTED 14:52"),
        (None, [seen(held=1), seen("died", 9.0)], "lost", "NODE DIED"),
    ],
)
def test_a_state_has_its_word(
    halt: Halt | None, sessions: list[SeenSession], tone: str, word: str
) -> None:
    state = strip_state(halt, sessions, [], NOW)

    assert (state.tone, state.word) == (tone, word)


def test_what_is_behind_the_first_word_is_said_as_well() -> None:
    state = strip_state(
        HALT,
        [seen("died", 9.0, held=1)],
        ["a file: broken"],
        NOW,
        lambda run, name, contracts: PositionText(prices="from 6,500.25", at_risk="at most 50 USD"),
    )

    assert state.sentence == "by trigger stale_data: data stale for 40 s"
    assert len(state.more) == 2
    assert "LONG 1 MESZ26 from 6,500.25" in state.more[0]
    assert state.holds == (CONTRACT,)
    assert state.at_risk.startswith("MESZ26: at most 50 USD; not known of what cannot be read")


def test_a_loss_is_shown_against_its_limit_with_its_age() -> None:
    reading = {"daily_loss": Reading(text="-120 of -150 USD")}
    state = strip_state(None, [seen(age=2.0, readings=reading)], [], NOW)

    assert [(one.name, one.text) for one in state.figures] == [("today", "-120 of -150 USD")]
    assert state.figures[0].read_ms == int(NOW.timestamp() * 1000) - 2000


def facts(*rows: tuple[str, dict[str, Any]]) -> list[Fact]:
    return [
        Fact(
            id=f"{kind}:{body.get('id', number)}",
            kind=FactKind(kind),
            ts_event=number,
            source="s",
            cause=body.get("cause"),
            body=body if kind == "outcome" else {"instrument_id": CONTRACT, **body},
        )
        for number, (kind, body) in enumerate(rows)
    ]


BOUGHT = ("fill", {"side": "BUY", "quantity": "1", "price": "6500.25", "client_order_id": "1"})
STOP = (
    "order",
    {"id": "2", "side": "SELL", "type": "STOP_MARKET", "quantity": "2", "trigger": "6490.00"},
)


def test_a_position_has_its_average_entry_and_the_stop_that_works() -> None:
    again = ("fill", {"side": "BUY", "quantity": "1", "price": "6502.25", "client_order_id": "3"})
    held = position_of(facts(BOUGHT, STOP, again), CONTRACT)

    assert (held.contracts, held.entry, held.stop) == (2, Decimal("6501.25"), Decimal("6490.00"))
    assert (held.at_stops, held.bare) == (Decimal("-22.50"), 0)


def test_a_changed_stop_counts_as_it_is_now_and_what_it_does_not_close_has_none() -> None:
    moved = ("order", {**STOP[1], "id": "2#2", "trigger": "6480.00"})
    smaller = ("order", {**STOP[1], "id": "2#3", "quantity": "1", "trigger": None})

    assert position_of(facts(BOUGHT, STOP, moved), CONTRACT).stop == Decimal("6480.00")
    assert position_of(facts(BOUGHT, STOP, moved), CONTRACT).at_stops == Decimal("-20.25")
    held = position_of(facts(BOUGHT, BOUGHT, STOP, moved, smaller), CONTRACT)
    assert (held.at_stops, held.bare, held.stop) == (None, 1, Decimal("6480.00"))
    half = ("fill", {"side": "SELL", "quantity": "1", "price": "6490", "client_order_id": "2"})
    left = position_of(facts(BOUGHT, BOUGHT, STOP, half), CONTRACT)
    assert (left.contracts, left.bare, left.at_stops) == (1, 0, Decimal("-10.25"))


@pytest.mark.parametrize(
    ("held", "contracts", "said"),
    [
        ((), 1, "not known"),
        ((BOUGHT,), 1, "NOT LIMITED: no stop is known for 1 contract"),
        ((BOUGHT, STOP), 2, "not known"),
        ((BOUGHT, STOP), 1, "51.25 USD from entry to stop, before fees and slippage"),
    ],
    ids=["no fill", "no stop", "heartbeat and facts differ", "a stop"],
)
def test_what_can_be_lost_is_in_dollars_down_to_the_stop(
    held: tuple[tuple[str, dict[str, Any]], ...], contracts: int, said: str
) -> None:
    position = position_of(facts(*held), CONTRACT)

    assert position_text(position, CONTRACT, Decimal(contracts)).at_risk == said


@pytest.mark.parametrize("status", ["CANCELED", "REJECTED", "EXPIRED"])
def test_a_stop_that_ended_protects_nothing(status: str) -> None:
    ended = ("outcome", {"cause": "order:2", "status": status})

    assert position_of(facts(BOUGHT, STOP, ended), CONTRACT).stop is None


def test_a_reversed_position_is_entered_where_it_was_reversed() -> None:
    sold = ("fill", {"side": "SELL", "quantity": "3", "price": "6480.00", "client_order_id": "4"})
    held = position_of(facts(BOUGHT, STOP, sold), CONTRACT)

    assert (held.contracts, held.entry, held.stop) == (-2, Decimal("6480"), None)


def test_what_comes_next_is_the_break_and_the_deadline_of_what_is_watched() -> None:
    events = next_events([CONTRACT], NOW)

    assert [one.name for one in events] == ["MES stops", "MESZ26 is held until", "weekly approval"]
    assert "weekly approval" not in [one.name for one in next_events([], NOW)]
    assert all(one.at_ms > NOW.timestamp() * 1000 for one in events)


def test_the_approval_is_on_the_next_sunday() -> None:
    at = datetime.fromtimestamp(next_approval(NOW).at_ms / 1000, UTC)

    assert (at.isoweekday(), at > NOW, at - NOW < timedelta(days=8)) == (7, True, True)
