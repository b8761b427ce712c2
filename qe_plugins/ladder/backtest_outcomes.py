"""The trades of a backtest as outcomes in R, for a plan. Only this part of the ladder runs one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from qe_plugins.config.loader import Loaded
from qe_plugins.engine.running.backtest import run
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.ladder.rungs import LadderFile
from qe_plugins.market.contract_key import DATED


def backtest_outcomes(loaded: Loaded, rules: LadderFile) -> tuple[list[float], float]:
    """Run a configuration as a backtest; return its trades in R, and their number a day.

    R is the risk of the ladder's lowest rung of each trade's root, else the configuration's.
    """
    result = run(loaded)
    trades = [fact for fact in result.facts if fact.kind is FactKind.TRADE]
    first, last = (
        datetime.fromtimestamp(ts / 1e9, UTC).date() for ts in (result.data.start, result.data.end)
    )
    days = int(np.busday_count(first, last)) + 1
    risks = {
        one.root: one.risk
        for one in reversed(rules.rungs)
        if one.root is not None and one.max_contracts == 1
    }
    return _outcomes(trades, risks, loaded.config.rung.risk), len(trades) / max(days, 1)


def _outcomes(trades: Iterable[Fact], risks: dict[str, Decimal], other: Decimal) -> list[float]:
    found = []
    for fact in trades:
        name = DATED.match(str(fact.body["instrument_id"]))
        risk = risks.get(name["root"], other) if name else other
        found.append(float(Decimal(fact.body["pnl"]) / risk))
    return found
