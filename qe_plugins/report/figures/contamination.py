"""P&L split by what the models behind the votes may have known of the future."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from qe_plugins.journal.facts import FactKind
from qe_plugins.recordings.contamination import is_evidence

if TYPE_CHECKING:
    from qe_plugins.engine.results.result import BacktestResult

KEY = "contamination"
"""The fact of a vote that holds the label; `qe_plugins.recordings.contamination` has them."""


HEIGHT, WIDTH = 120.0, 150.0
"""Pixels of the bars' panel above or below its zero line, and of a bar with its gap."""

NONE = "none"
"""The label of trades without a recorded vote."""


def split(outcome: BacktestResult) -> dict[str, dict[str, Any]]:
    """Return closed trades and their net P&L by the label of the last vote before each entry.

    Empty where no vote has a label. Trades without such a vote count as `none`.
    """
    labelled: dict[str, list[tuple[int, str]]] = {}
    for fact in outcome.facts:
        label = fact.body.get("facts", {}).get(KEY) if fact.kind is FactKind.VOTE else None
        if label is not None:
            labelled.setdefault(fact.body["instrument_id"], []).append((fact.ts_event, label))
    if not labelled:
        return {}
    closed = outcome.positions.filter(pl.col("closed").is_not_null())
    found: dict[str, dict[str, Any]] = {}
    rows = closed.select("instrument_id", pl.col("opened").cast(pl.Int64), "pnl").iter_rows()
    for instrument, opened, pnl in rows:
        votes = labelled.get(instrument, [])
        place = bisect_right(votes, opened, key=lambda vote: vote[0])
        of_label = found.setdefault(votes[place - 1][1] if place else NONE, {"trades": 0})
        of_label["trades"] += 1
        of_label["net_pnl"] = round(of_label.get("net_pnl", 0.0) + pnl, 6)
    return dict(sorted(found.items()))


def bars(by_label: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one bar of net P&L for each label, side by side, all on one scale.

    `x`, `y` and `height` are in pixels, `up` says that the P&L is not a loss, `evidence` that it
    may promote.
    """
    widest = max((abs(one.get("net_pnl", 0.0)) for one in by_label.values()), default=0.0) or 1.0
    drawn = []
    for place, (label, one) in enumerate(by_label.items()):
        pnl = float(one.get("net_pnl", 0.0))
        height = round(HEIGHT * abs(pnl) / widest, 1)
        drawn.append(
            {
                "label": label,
                "trades": one["trades"],
                "net_pnl": pnl,
                "a_trade": pnl / one["trades"] if one["trades"] else 0.0,
                "evidence": label == NONE or is_evidence(label),
                "up": pnl >= 0,
                "x": WIDTH * place,
                "y": HEIGHT - height if pnl >= 0 else HEIGHT,
                "height": height,
            }
        )
    return drawn
