"""The rung at the gate: orders of another root are denied, and no sequence of orders exceeds it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from nautilus_trader.model import BarType, InstrumentId, OrderSide, Price, Quantity
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.config.loader import load
from qe_plugins.engine.running.backtest import run
from qe_plugins.journal.facts import FactKind
from tests.engine.one_root import market_of, ns
from tests.engine.traders import BUY, ONE, SELL, Trader
from tests.engine.traders import MES as FRONT

KINDS = ("market", "limit", "stop", "stop_limit", "bracket", "cancel", "close")
LENGTH = 8
"""Steps of a sequence; after it everything is cancelled and closed."""


class Sequences(Trader):
    """Sends random orders, one a bar, for `sequences` sequences; keeps the most that it held."""

    sequences = 0
    seed = 0
    most = 0
    sent = 0
    worst = 0.0
    generator = random.Random(0)

    def on_bar(self, bar: Any) -> None:
        self.bars += 1
        if self.bars > self.sequences * LENGTH:
            return
        if self.bars == 1:
            Sequences.generator = random.Random(self.seed)
        self.note()
        if self.bars % LENGTH == 0:
            self.cancel_all_orders(FRONT)
            self.close_all_positions(FRONT)
            return
        self.send(bar)

    def note(self) -> None:
        held = sum(one.signed_qty for one in self.cache.positions_open(instrument_id=FRONT))
        Sequences.worst = max(Sequences.worst, abs(held))

    def send(self, bar: Any) -> None:
        dice: random.Random = self.generator
        kind, side = dice.choice(KINDS), dice.choice((OrderSide.BUY, SELL))
        contracts = Quantity.from_int(dice.randint(1, 4))
        up = 1 if side == OrderSide.BUY else -1
        close = bar.close.as_decimal()
        below, above, far = (Price.from_decimal_dp(close + n * up, 2) for n in (-1, 1, -2))
        make = self.order_factory
        Sequences.sent += 1
        match kind:
            case "market":
                self.submit_order(make.market(FRONT, side, contracts))
            case "limit":
                self.submit_order(make.limit(FRONT, side, contracts, below))
            case "stop":
                self.submit_order(make.stop_market(FRONT, side, contracts, above))
            case "stop_limit":
                self.submit_order(make.stop_limit(FRONT, side, contracts, above, above))
            case "bracket":
                target = Price.from_decimal_dp(close + 2 * up, 2)
                exits = {"tp_price": target, "sl_trigger_price": far}
                self.submit_order_list(make.bracket(FRONT, side, contracts, **exits))
            case "cancel":
                self.cancel_all_orders(FRONT)
            case "close":
                self.close_all_positions(FRONT)


ES = InstrumentId.from_str("ESH24.XCME")


class BuysEs(Trader):
    """Buys one ES contract at the market and one with a limit order."""

    def on_start(self) -> None:
        self.subscribe_bars(BarType.from_str(f"{ES}-1-MINUTE-LAST-EXTERNAL"))

    def bar_1(self) -> None:
        self.submit_order(self.order_factory.market(ES, BUY, ONE))
        price = Price.from_str("1799.00")
        self.submit_order(self.order_factory.limit(ES, BUY, ONE, price))


def test_an_es_order_on_a_mes_rung_is_denied_with_the_reason_in_event_and_journal(
    tmp_path: Path,
) -> None:
    catalog = ParquetDataCatalog(str(tmp_path))
    times = ("2024-01-10T09:00", "2024-01-10T09:01", "2024-01-10T09:02")
    markets = [market_of(one, ns("2024-03-15T08:30"), times) for one in ("ESH24", "MESH24")]
    catalog.write_instruments([contract for contract, _ in markets])
    for _, bars in markets:
        catalog.write_bars(bars)
    config = {
        "name": "es on a mes rung",
        "data": {"catalog": str(tmp_path)},
        "strategies": {"buys_es": {"path": f"{__name__}:BuysEs"}},
        "rung": {"name": "1 MES", "root": "MES", "max_contracts": 1, "risk": 50},
        "nautilus": {"venue": {"starting_balances": ["1_000_000 USD"]}},
    }
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump(config))
    outcome = run(load(file))
    reason = "rung: rung 1 MES holds MES, not ES"
    denied = [one[1] for one in BuysEs.heard if isinstance(one, tuple)]
    assert denied == [reason, reason]
    assert outcome.orders.select("status", "reason").rows() == [("DENIED", reason)] * 2
    vetoes = [fact for fact in outcome.facts if fact.kind is FactKind.VETO]
    assert [(one.body["plugin"], one.body["reason"]) for one in vetoes] == [
        ("rung", "rung 1 MES holds MES, not ES")
    ] * 2
    assert outcome.fills.is_empty()


def worst_of(folder: Path, sequences: int, seed: int, most: int) -> None:
    """Run the sequences on a rung of `most` contracts; check what was held after every fill."""
    Sequences.sequences, Sequences.seed = sequences, seed
    Sequences.sent, Sequences.worst = 0, 0.0
    sessions = sequences * LENGTH // 1_300 + 1
    config = {
        "name": "sequences",
        "data": {"synthetic": {"root": "MES", "sessions": sessions, "contracts": 1, "seed": seed}},
        "strategies": {"sequences": {"path": f"{__name__}:Sequences"}},
        "rung": {"name": f"{most} MES", "max_contracts": most, "risk": 1_000_000},
        "nautilus": {"venue": {"starting_balances": ["10_000_000 USD"]}},
    }
    file = folder / "run.yaml"
    file.write_text(yaml.safe_dump(config))
    outcome = run(load(file))
    held = worst = 0.0
    for side, size in outcome.fills.select("side", "quantity").iter_rows():
        held += size if side == "BUY" else -size
        worst = max(worst, abs(held))
    print(f"seed {seed}: {Sequences.sent:,} steps, at most {worst:g} of {most} held")
    assert Sequences.sent == sequences * (LENGTH - 1)
    assert 0 < worst <= most
    assert Sequences.worst <= most


def test_sixty_sequences_of_orders_stay_within_the_rung(tmp_path: Path) -> None:
    worst_of(tmp_path, 60, seed=3, most=2)


@pytest.mark.long
@pytest.mark.parametrize("most", [1, 3])
def test_ten_thousand_sequences_of_orders_stay_within_the_rung(tmp_path: Path, most: int) -> None:
    for seed in range(20):  # orders of all earlier sequences are looked at again by each
        worst_of(tmp_path, 250, seed=100 * most + seed, most=most)
