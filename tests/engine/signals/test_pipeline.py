"""From votes to one signal a contract, to an order, a fill, a trade and its review."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model import CustomData, DataType, InstrumentId, OrderSide, Quantity
from nautilus_trader.trading import Strategy

from qe_plugins import Plugin, Review, Side, Signal, Size, Trade, hookimpl
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.journal.facts import Fact, FactKind
from tests.engine.conftest import CONTRACT

Run = Callable[..., BacktestResult]
MES = InstrumentId.from_str(CONTRACT)
MEANT = "Did you mean 'MESH24.XCME'?"
THIRD, SIXTH = "2024-01-03 15:02", "2024-01-03 15:05"


class Follower(Strategy):
    """Asks for a size and trades it at market; closes on FLAT."""

    heard: list[Signal] = []  # noqa: RUF012 - read by the tests after the run

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        type(self).heard.clear()
        self.held = 0

    def on_start(self) -> None:
        self.subscribe_data(DataType("Signal"))

    def on_data(self, data: CustomData) -> None:
        signal = data.data
        self.heard.append(signal)
        if signal.side is Side.FLAT:
            self.trade(-self.held)
        else:
            size = self.desk.size(signal)
            self.trade(size if signal.side is Side.LONG else -size)

    def trade(self, contracts: int) -> None:
        if contracts:
            side = OrderSide.BUY if contracts > 0 else OrderSide.SELL
            self.submit_order(
                self.order_factory.market(MES, side, Quantity.from_int(abs(contracts)))
            )
            self.held += contracts


class Hunter(Plugin):
    """Votes what a test sets, by the number of the bar: 1 is the first."""

    def __init__(self, wishes: dict[int, Any]) -> None:
        super().__init__()
        self.wishes, self.bars = wishes, 0

    @hookimpl
    def contribute_signals(self, bar: Any) -> Any:
        self.bars += 1
        wish = self.wishes.get(self.bars)
        if isinstance(wish, Exception):
            raise wish
        return wish


class OtherHunter(Hunter):
    """Another one, with a name of its own."""


class First(Plugin):
    """Resolves for the first vote; keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[Signal]] = []

    @hookimpl
    def resolve_signals(self, signals: list[Signal]) -> Signal:
        self.asked.append(signals)
        return signals[0]


class One(Plugin):
    """Sizes every signal at `contracts`."""

    contracts = 1

    @hookimpl
    def size_order(self, signal: Signal) -> Size:
        return Size(self.contracts, f"always {self.contracts}")


def wish(side: Side = Side.LONG, contract: str = CONTRACT, **more: Any) -> Signal:
    return Signal(instrument_id=contract, side=side, reason="a wish", **more)


@pytest.fixture
def follow(trade: Run) -> Callable[..., BacktestResult]:
    """Return a function that runs the follower past plugins."""
    follower = {"follower": {"path": f"{__name__}:Follower"}}

    def run(*plugins: Plugin, **more: Any) -> BacktestResult:
        return trade(None, *plugins, strategies=follower, **more)

    return run


def of(outcome: BacktestResult, kind: FactKind) -> list[Fact]:
    return [fact for fact in outcome.facts if fact.kind is kind]


def failures(outcome: BacktestResult) -> list[tuple[str, str, str]]:
    return [(f.source, f.body["hook"], f.body["error"]) for f in of(outcome, FactKind.FAILURE)]


def chain(outcome: BacktestResult, fact_id: str) -> Iterator[Fact]:
    """Yield a fact and what caused it, back to the first cause."""
    known = {fact.id: fact for fact in outcome.facts}
    fact = known.get(fact_id)
    while fact is not None:
        yield fact
        fact = known.get(fact.cause or "")


def test_the_arbiter_receives_all_votes_in_call_order(follow: Run) -> None:
    hunters = Hunter({3: wish()}), OtherHunter({3: [wish(Side.SHORT), wish(Side.FLAT)]})
    follow(*hunters, arbiter := First())
    [votes] = arbiter.asked
    assert [(v.source, v.side) for v in votes] == [
        ("Hunter", Side.LONG),
        ("OtherHunter", Side.SHORT),
        ("OtherHunter", Side.FLAT),
    ]
    assert [v.id for v in votes] == ["vote:1", "vote:2", "vote:3"]


def test_the_strategy_receives_one_signal_stamped_with_time_and_source(follow: Run) -> None:
    outcome = follow(Hunter({3: wish()}), OtherHunter({3: wish()}), First())
    [signal] = Follower.heard
    assert (signal.id, signal.source, signal.reason) == ("signal:1", "First", "a wish")
    assert signal.ts_event == outcome.data.start + 2 * 60 * 10**9


def test_signals_come_in_the_order_of_their_bars(follow: Run) -> None:
    follow(Hunter({2: wish(), 4: wish(Side.SHORT), 7: wish(Side.FLAT)}), First(), One())
    assert [s.side for s in Follower.heard] == [Side.LONG, Side.SHORT, Side.FLAT]
    assert [s.ts_event for s in Follower.heard] == sorted(s.ts_event for s in Follower.heard)


def test_without_an_arbiter_votes_are_journaled_and_nothing_is_published(follow: Run) -> None:
    outcome = follow(Hunter({3: wish()}), One())
    assert Follower.heard == []
    assert [len(of(outcome, kind)) for kind in (FactKind.VOTE, FactKind.SIGNAL)] == [1, 0]
    assert outcome.orders.is_empty()


def test_an_arbiter_that_raises_means_stay_flat(follow: Run) -> None:
    class Torn(Plugin):
        @hookimpl
        def resolve_signals(self, signals: list[Signal]) -> Signal:
            raise RuntimeError("cannot decide")

    outcome = follow(Hunter({3: wish()}), Torn(), First(), One())
    assert Follower.heard == []
    assert failures(outcome) == [("Torn", "resolve_signals", "RuntimeError: cannot decide")]
    assert outcome.orders.is_empty()


def test_the_second_arbiter_is_asked_where_the_first_has_nothing_to_say(follow: Run) -> None:
    class Undecided(Plugin):
        @hookimpl
        def resolve_signals(self, signals: list[Signal]) -> None:
            return None

    follow(Hunter({3: wish()}), Undecided(), First())
    assert [s.source for s in Follower.heard] == ["First"]


def test_an_arbiter_that_answers_for_another_contract_is_a_failure(follow: Run) -> None:
    class Astray(Plugin):
        @hookimpl
        def resolve_signals(self, signals: list[Signal]) -> Signal:
            return wish(contract="MESM24.XCME")

    outcome = follow(Hunter({3: wish()}), Astray())
    assert Follower.heard == []
    [(plugin, hook, error)] = failures(outcome)
    assert (plugin, hook) == ("Astray", "resolve_signals")
    assert error == f"ValueError: answered for MESM24.XCME, the votes are for {CONTRACT}"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (LookupError("no pattern"), "LookupError: no pattern"),
        ("buy", "TypeError: contribute_signals must return Signal or None, was 'buy'"),
        (7, "TypeError: contribute_signals must return Signal or None, was 7"),
        (wish(contract="MESM24.XCME"), "ValueError: no contract MESM24.XCME here. " + MEANT),
        (wish(contract="ES.c.0"), "ValueError: no contract ES.c.0 here. There is MESH24.XCME."),
        (wish(contract=""), "ValueError: no contract  here. There is MESH24.XCME."),
    ],
)
def test_a_hunter_that_fails_is_journaled_and_the_others_are_heard(
    follow: Run, given: Any, error: str
) -> None:
    outcome = follow(Hunter({3: given}), OtherHunter({3: wish(Side.SHORT)}), First())
    assert failures(outcome) == [("Hunter", "contribute_signals", error)]
    assert [s.side for s in Follower.heard] == [Side.SHORT]


def test_flat_closes_what_is_held(follow: Run) -> None:
    outcome = follow(Hunter({2: wish(), 5: wish(Side.FLAT)}), First(), One())
    assert outcome.fills["side"].to_list() == ["BUY", "SELL"]
    assert len(of(outcome, FactKind.TRADE)) == 1


def test_the_chain_goes_from_the_bar_to_the_review(follow: Run) -> None:
    class Reviewer(Plugin):
        @hookimpl
        def trade_closed(self, trade: Trade) -> Review:
            return Review(trade_id=trade.id, summary="done")

    hunter = Hunter({3: wish(), 6: wish(Side.FLAT)})
    outcome = follow(hunter, First(), One(), Reviewer())
    [review] = of(outcome, FactKind.REVIEW)
    kinds = [fact.kind for fact in chain(outcome, review.id)]
    assert kinds == [
        FactKind.REVIEW,
        FactKind.TRADE,
        FactKind.FILL,
        FactKind.ORDER,
        FactKind.SIGNAL,
        FactKind.VOTE,
        FactKind.SNAPSHOT,
    ]
    [entry, leave] = of(outcome, FactKind.ORDER)
    assert (entry.cause, leave.cause) == ("signal:1", "signal:2")
    [size] = of(outcome, FactKind.SIZE)
    assert (size.cause, size.source) == ("signal:1", "One")


def test_facts_come_after_what_caused_them_and_have_ids_of_their_own(follow: Run) -> None:
    outcome = follow(Hunter({n: wish(Side.FLAT if n % 2 else Side.LONG) for n in range(1, 10)}),
                     First(), One())  # fmt: skip
    seen: set[str] = set()
    for fact in outcome.facts:
        assert fact.id not in seen
        assert fact.cause is None or fact.cause in seen
        seen.add(fact.id)


def test_a_trade_carries_the_votes_behind_it(follow: Run) -> None:
    trades: list[Trade] = []

    class Keeper(Plugin):
        @hookimpl
        def trade_closed(self, trade: Trade) -> None:
            trades.append(trade)

    hunters = Hunter({3: wish(), 6: wish(Side.FLAT)}), OtherHunter({3: wish(Side.SHORT)})
    follow(*hunters, First(), One(), Keeper())
    [closed] = trades
    assert [v.id for v in closed.votes] == ["vote:1", "vote:2", "signal:1"]


@pytest.mark.parametrize(("contracts", "bought"), [(1, [1.0]), (3, [2.0])])
def test_the_rung_caps_the_size(follow: Run, contracts: int, bought: list[float]) -> None:
    sizer = One()
    sizer.contracts = contracts
    outcome = follow(Hunter({3: wish()}), First(), sizer, rung={"max_contracts": 2})
    assert outcome.fills["quantity"].to_list() == bought
    [size] = of(outcome, FactKind.SIZE)
    assert size.body["contracts"] == int(bought[0])
    assert ("caps 3 at 2" in size.body["reason"]) == (contracts == 3)


def test_no_answer_is_no_order_and_the_reason_is_journaled(follow: Run) -> None:
    outcome = follow(Hunter({3: wish()}), First())
    [size] = of(outcome, FactKind.SIZE)
    assert size.body == {"contracts": 0, "reason": "no plugin answered size_order"}
    assert outcome.orders.is_empty()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (ArithmeticError("no stop"), "ArithmeticError: no stop"),
        (1, "TypeError: size_order must return Size or None, was 1"),
        (Decimal(2), "TypeError: size_order must return Size or None, was Decimal('2')"),
    ],
)
def test_a_sizer_that_fails_is_no_order_although_another_would_answer(
    follow: Run, answer: Any, error: str
) -> None:
    class Broken(Plugin):
        @hookimpl
        def size_order(self, signal: Signal) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

    outcome = follow(Hunter({3: wish()}), First(), Broken(), One())
    assert failures(outcome) == [("Broken", "size_order", error)]
    [size] = of(outcome, FactKind.SIZE)
    assert (size.source, size.body["contracts"]) == ("Broken", 0)
    assert outcome.orders.is_empty()


def test_a_contract_that_the_data_lack_is_counted_each_time_and_journaled_once(
    follow: Run, caplog: pytest.LogCaptureFixture
) -> None:
    astray = wish(contract="MESH4.XCME")
    outcome = follow(Hunter({3: astray, 4: astray, 5: [astray, wish()]}), First())
    [(plugin, _, error)] = failures(outcome)
    assert (plugin, error) == ("Hunter", f"ValueError: no contract MESH4.XCME here. {MEANT}")
    assert caplog.text.count(MEANT) == 1
    assert outcome.plugins[0].failed == 3
    assert len(Follower.heard) == 1
