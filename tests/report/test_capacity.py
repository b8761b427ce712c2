"""How large a strategy can be traded: exact on a tape whose volume and moves are known."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.report import tearsheet
from qe_plugins.report.figures.capacity import Capacity, curve, estimate, rows
from qe_plugins.report.figures.equity import AccountHistory
from qe_plugins.report.summary import summarize
from tests.report import tape
from tests.report.fake import FEE, MULTIPLIER, bare, busy, frame

NAME = "MESH24.XCME"
START = int(datetime(2024, 1, 3, 15, tzinfo=UTC).timestamp()) * 10**9
VOLUME, STEP, BARS = 100, 0.5, 600


def run(
    catalog: Path, *, gain: float, quantity: float = 2.0, volume: float = VOLUME
) -> BacktestResult:
    """Return one trade that gains points, on bars that go up and down by a step each minute."""
    stamps = START + np.arange(1, BARS + 1) * 60_000_000_000
    closes = 4750 + STEP * (np.arange(BARS) % 2)
    bars = pl.DataFrame(
        {
            **dict.fromkeys(("open", "high", "low", "close"), closes),
            "volume": np.full(BARS, volume),
            "ts_event": pl.Series(stamps).cast(tape.TS),
        }
    ).with_columns(ts_init=pl.col("ts_event"))
    tape.write(catalog, NAME, bars)
    times = (int(stamps[100]), int(stamps[400]))
    fills = [
        (ts, NAME, side, quantity, price, FEE * quantity, "USD", "s", f"O-{ts}", f"T-{ts}", "P", "")
        for ts, side, price in zip(times, ("BUY", "SELL"), (4750.0, 4750.0 + gain), strict=True)
    ]
    pnl = (gain * MULTIPLIER - 2 * FEE) * quantity
    position = (
        *("P-1", NAME, "s", "LONG", quantity, 4750.0, 4750.0 + gain, *times, pnl),
        *(2 * FEE * quantity, None, None, None),
    )
    return bare(catalog, fills=frame("fills", fills), positions=frame("positions", [position]))


def capacity(outcome: BacktestResult) -> Capacity:
    return estimate(outcome, AccountHistory.of(outcome))


def test_impact_consumes_the_edge_where_the_law_says(tmp_path: Path) -> None:
    found = capacity(run(tmp_path, gain=40.0))
    volume, volatility = 60 * VOLUME, np.sqrt(60) * STEP
    each = volatility * np.sqrt(2 / volume) * 2 * MULTIPLIER
    edge = (40 * MULTIPLIER - 2 * FEE) * 2
    assert found.parameters["impact"] == pytest.approx(2 * each)
    assert found.contracts == pytest.approx(2 * (edge / (2 * each)) ** 2)
    assert found.best_contracts == pytest.approx(found.contracts * 4 / 9)
    assert found.at(found.contracts) == pytest.approx(0.0, abs=1e-6)
    assert found.best_net_pnl == pytest.approx(max(curve(found)["pnl"]), rel=1e-3)


def test_four_times_the_volume_is_four_times_the_capacity(tmp_path: Path) -> None:
    thin, thick = (
        capacity(run(tmp_path / str(volume), gain=10.0, volume=volume)) for volume in (100, 400)
    )
    assert thin.contracts is not None
    assert thick.contracts == pytest.approx(4 * thin.contracts)


def test_the_size_traded_in_the_run_does_not_matter(tmp_path: Path) -> None:
    one, two = (
        capacity(run(tmp_path / str(size), gain=10.0, quantity=size)) for size in (1.0, 3.0)
    )
    assert one.contracts == pytest.approx(two.contracts)


def test_without_an_edge_there_is_a_reason_and_no_figure(tmp_path: Path) -> None:
    found = capacity(run(tmp_path, gain=-5.0))
    assert (found.contracts, found.best_contracts, found.best_net_pnl) == (None, None, None)
    assert found.reason == "The net P&L is not positive: no edge."
    assert found.parameters["coefficient"] == 1.0


def test_without_trades_or_volume_there_is_a_reason(tmp_path: Path) -> None:
    assert capacity(bare(tmp_path)).reason == "Nothing was traded."
    silent = run(tmp_path / "silent", gain=5.0, volume=0)
    assert capacity(silent).reason == "The data has no volume around the fills."


def test_round_sizes_lead_up_to_the_capacity(tmp_path: Path) -> None:
    found = capacity(run(tmp_path, gain=40.0))
    shown = rows(found)
    assert [size for size, _, _ in shown[:3]][-1] <= (found.contracts or 0)
    assert all(pnl > 0 for _, pnl, _ in shown)
    assert [share for _, _, share in shown] == sorted(share for _, _, share in shown)


def test_from_a_tenth_of_the_volume_on_you_are_the_market(tmp_path: Path) -> None:
    found = capacity(run(tmp_path, gain=40.0))
    assert found.market_contracts == pytest.approx(60 * VOLUME / 10)
    assert found.most == found.market_contracts
    assert found.whole == pytest.approx(60 * VOLUME)
    assert [size for size, _, _ in rows(found)][-1] == 5_000
    assert max(curve(found, found.whole)["size"]) == pytest.approx(60 * VOLUME)


def test_impact_consumes_a_small_edge_before_that(tmp_path: Path) -> None:
    found = capacity(run(tmp_path, gain=1.0))
    assert found.best_contracts is not None
    assert found.best_contracts < found.market_contracts
    assert found.most == found.best_contracts


def test_result_and_page_show_it(tmp_path: Path) -> None:
    outcome = run(tmp_path, gain=40.0)
    history = AccountHistory.of(outcome)
    figures = summarize(outcome, tmp_path, history)
    assert figures["capacity"]["contracts"] > 0
    assert figures["capacity"]["most_contracts"] == pytest.approx(600)
    page = tearsheet.render(outcome, history, figures, {})
    assert "Net P&amp;L reaches zero at" in page
    assert "600 contracts per trade" in page
    assert "no size within the volume" in page
    lost = busy(tmp_path / "busy")
    history = AccountHistory.of(lost)
    figures = summarize(lost, tmp_path, history)
    reason = figures["capacity"]["reason"]
    page = tearsheet.render(lost, history, figures, {})
    assert reason is None or "not positive: no edge" in page
