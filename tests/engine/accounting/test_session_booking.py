"""A session's trades are those of its real fills; what the engine made up is never one."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from nautilus_trader.model import ClientOrderId, Price, Quantity

from qe_plugins.engine.accounting.session_booking import SessionBooker, fill_of, is_synthetic
from qe_plugins.engine.accounting.trades import Fill
from qe_plugins.engine.recording.fact_writer import FactWriter
from qe_plugins.engine.recording.reached import ReachedRun
from qe_plugins.engine.recording.session_recorder import KEPT, TRADES, SessionRecorder
from qe_plugins.plugins.types import Signal
from tests.engine.recording.sinks import MemorySink

CONTRACT = "MESH24.XCME"


def fill(number: int, size: int, price: str = "4750.00") -> Fill:
    return Fill(
        ts=number,
        trade_id=f"T-{number}",
        client_order_id=f"O-{number}",
        instrument_id=CONTRACT,
        strategy="A-a",
        quantity=Decimal(size),
        price=Decimal(price),
        commission=Decimal("0.57"),
        currency="USD",
    )


class Booking:
    """A booker whose fills the test makes."""

    def __init__(self) -> None:
        self.sink = MemorySink()
        self.recorder = SessionRecorder(FactWriter(self.sink, "run-1"))
        contract = SimpleNamespace(
            multiplier=Quantity.from_int(5), price_increment=Price.from_str("0.25")
        )
        cache: Any = SimpleNamespace(instrument=lambda _: contract, order=lambda _: None)
        observers: Any = SimpleNamespace(notify=lambda *_, **__: None)
        self.booker = SessionBooker(cache, self.recorder, observers, None)  # type: ignore[arg-type]
        self.number = 0

    def book(self, size: int, *, synthetic: bool = False) -> None:
        self.number += 1
        recorded = self.recorder.fill(fill(self.number, size), synthetic=synthetic)
        assert recorded is not None
        self.booker._apply(recorded, synthetic=synthetic)

    @property
    def net(self) -> Decimal:
        trade = self.booker.open_trades.get(("A-a", CONTRACT))
        held = trade.net if trade is not None else Decimal(0)
        return held + self.booker.unbooked.get(("A-a", CONTRACT), Decimal(0))


def event(price: str, commission: object, *, reconciliation: bool) -> Any:
    return SimpleNamespace(
        last_px=Price.from_str(price), commission=commission, reconciliation=reconciliation
    )


def test_a_fill_of_average_cost_and_without_a_fee_is_synthetic() -> None:
    tick = Decimal("0.25")
    assert is_synthetic(event("6491.37", None, reconciliation=True), tick)
    assert is_synthetic(event("6491.25", None, reconciliation=True), tick)
    assert is_synthetic(event("6491.37", None, reconciliation=False), tick)
    assert not is_synthetic(event("6491.25", 0.57, reconciliation=True), tick)
    assert not is_synthetic(event("6491.25", None, reconciliation=False), tick)


def test_a_position_taken_over_and_closed_is_no_trade() -> None:
    booking = Booking()
    booking.book(1, synthetic=True)
    booking.book(-1)
    assert booking.recorder.trades == []
    assert booking.net == 0


def test_a_trade_after_a_position_was_taken_over_has_its_own_fills_only() -> None:
    booking = Booking()
    booking.book(1, synthetic=True)
    booking.book(-2)  # closes what was taken over, and opens a short
    booking.book(1)
    [trade] = booking.recorder.trades
    assert (trade.quantity, str(trade.side)) == (1, "SHORT")


def test_a_trade_that_the_engine_made_up_an_end_of_is_none() -> None:
    booking = Booking()
    booking.book(2)
    booking.book(-2, synthetic=True)
    booking.book(1)
    booking.book(-1)
    [trade] = booking.recorder.trades
    assert trade.orders == ("O-3", "O-4")


sizes = st.lists(st.tuples(st.integers(-3, 3).filter(bool), st.booleans()), max_size=12)


@given(sizes)
def test_what_is_booked_and_what_is_not_add_up_to_the_position(
    fills: list[tuple[int, bool]],
) -> None:
    booking = Booking()
    for size, synthetic in fills:
        booking.book(size, synthetic=synthetic)
    assert booking.net == sum(size for size, _ in fills)


@given(sizes)
def test_a_continued_run_books_on_where_it_ended(fills: list[tuple[int, bool]]) -> None:
    whole, first, second = Booking(), Booking(), Booking()
    for size, synthetic in fills:
        whole.book(size, synthetic=synthetic)
        first.book(size, synthetic=synthetic)
    first.recorder.close()
    reached = ReachedRun.of(first.sink.facts)
    restored = second.booker.restore(reached.fills)
    second.number = first.number
    assert [one.quantity for one, _ in restored] == [size for size, _ in fills]
    before = len(whole.recorder.trades)
    for booking in (whole, second):
        booking.book(-1)
        booking.book(1)
    ids = [trade.id for trade in whole.recorder.trades[before:]]
    assert [trade.id for trade in second.recorder.trades] == ids
    assert second.net == whole.net


def test_a_fill_reported_twice_is_booked_once_and_a_number_used_again_is_another() -> None:
    recorder = SessionRecorder(FactWriter(MemorySink(), "run-1"))
    assert recorder.fill(fill(1, 1), synthetic=False) == fill(1, 1)
    assert recorder.fill(fill(1, 1), synthetic=False) is None
    other = recorder.fill(replace(fill(1, 1), client_order_id="O-9"), synthetic=False)
    assert other is not None
    assert other.trade_id == "T-1#2"


def test_a_fills_fact_is_the_fill() -> None:
    booking = Booking()
    booking.book(-2)
    booking.recorder.close()
    assert fill_of(booking.sink.facts[0]) == fill(1, -2)


def test_a_session_keeps_no_more_than_it_needs() -> None:
    sink = MemorySink()
    recorder = SessionRecorder(FactWriter(sink, "run-1"))
    in_use = {"signal:1"}
    recorder.in_use = lambda: in_use
    for number in range(1, 3 * KEPT):
        vote = signal(f"vote:{number}")
        recorder.signals[vote.id] = vote
        recorder.signal(signal(f"signal:{number}"), [vote])
        recorder.sent_on[ClientOrderId(f"O-{number}")] = None
        if number % 1_000 == 0:
            recorder.flush()
    recorder.flush()
    recorder.close()
    assert "signal:1" in recorder.signals
    assert [vote.id for vote in recorder.votes_behind("signal:1")] == ["vote:1", "signal:1"]
    assert len(recorder.signals) < 3 * KEPT
    assert len(recorder.consolidated) < 2 * KEPT
    assert len(recorder.sent_on) <= 2 * KEPT
    assert recorder.facts == recorder.fills == recorder.votes == []
    assert recorder.waiting == 0
    assert TRADES <= KEPT
    assert len(sink.facts) == 3 * KEPT - 1


def signal(name: str) -> Signal:
    return Signal(instrument_id=CONTRACT, side="LONG", confidence=0.5, reason="x", id=name)
