"""The rung at the gate: random sequences of orders of every type never exceed it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from nautilus_trader.model import OrderSide, Price, Quantity

from qe_plugins.config.loader import load
from qe_plugins.engine.running.backtest import run
from tests.engine.traders import MES, SELL, Trader

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
            self.cancel_all_orders(MES)
            self.close_all_positions(MES)
            return
        self.send(bar)

    def note(self) -> None:
        held = sum(one.signed_qty for one in self.cache.positions_open(instrument_id=MES))
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
                self.submit_order(make.market(MES, side, contracts))
            case "limit":
                self.submit_order(make.limit(MES, side, contracts, below))
            case "stop":
                self.submit_order(make.stop_market(MES, side, contracts, above))
            case "stop_limit":
                self.submit_order(make.stop_limit(MES, side, contracts, above, above))
            case "bracket":
                target = Price.from_decimal_dp(close + 2 * up, 2)
                exits = {"tp_price": target, "sl_trigger_price": far}
                self.submit_order_list(make.bracket(MES, side, contracts, **exits))
            case "cancel":
                self.cancel_all_orders(MES)
            case "close":
                self.close_all_positions(MES)


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


def test_a_hundred_sequences_of_orders_stay_within_the_rung(tmp_path: Path) -> None:
    worst_of(tmp_path, 100, seed=3, most=2)


@pytest.mark.long
@pytest.mark.parametrize("most", [1, 3])
def test_ten_thousand_sequences_of_orders_stay_within_the_rung(tmp_path: Path, most: int) -> None:
    worst_of(tmp_path, 5_000, seed=most, most=most)
