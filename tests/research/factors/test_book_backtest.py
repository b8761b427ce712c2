"""Backtests of `factor_target` against the arithmetic of its book, on one root and on five."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from qe_plugins.config.loader import load
from qe_plugins.config.schema import SyntheticSettings
from qe_plugins.data.synthetic.catalog import generate
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from qe_plugins.engine.running.prepare import prepare
from qe_plugins.errors import ConfigError
from qe_plugins.market.specs import market
from qe_plugins.research.factors.book_backtest import BookComparison, compare
from tests.research.factors.made_book import NAME, written

ROOT = Path(__file__).resolve().parents[3]
FIVE = ["ES", "NQ", "CL", "GC", "ZN"]
SESSIONS = 6


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Return a catalog of five roots over six sessions."""
    folder = tmp_path_factory.mktemp("five")
    made = SyntheticSettings(root="ES", sessions=SESSIONS, contracts=1, start="2024-01-02", seed=5)
    return generate(made, FIVE, folder / "catalog").catalog


def written_run(folder: Path, data: Path, roots: list[str], **changes) -> Path:
    book = written(folder, roots=FIVE, instruments=dict.fromkeys(FIVE, 0.2), diversification=2.0)
    settings = {"book": str(book), "capital": 3_000_000, "contracts": 20} | changes
    strategies = {
        f"of_{root}": {
            "path": "strategies.factor_target:FactorTarget",
            "instrument": root,
            "config": settings,
        }
        for root in roots
    }
    file = folder / "run.yaml"
    config = {
        "extends": str(ROOT / "configs/base/cme.yaml"),
        "name": "five",
        "data": {"catalog": str(data), "roots": roots},
        "rung": {"name": "twenty", "max_contracts": 20},
        "strategies": strategies,
        "nautilus": {"venue": {"starting_balances": ["3_000_000 USD"]}},
    }
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    return file


def compared(file: Path) -> tuple[BacktestResult, list[BookComparison]]:
    loaded = load(file)
    result = run(loaded)
    return result, compare(loaded, prepare(loaded), result)


@pytest.fixture(scope="module")
def five(data, tmp_path_factory) -> tuple[BacktestResult, list[BookComparison]]:
    folder = tmp_path_factory.mktemp("run")
    return compared(written_run(folder, data, FIVE))


def test_the_engine_trades_what_the_arithmetic_of_the_book_says_in_each_of_five_roots(five):
    _, roots = five
    assert [one.root for one in roots] == FIVE
    for one in roots:
        assert one.agrees
        assert one.trades > 30
        # an order above a quarter of a minute's volume fills a tick further away, which is listed
        tick = market(one.root).tick * market(one.root).multiplier
        listed = sum(each.ticks * abs(each.found) for each in one.differences) * float(tick)
        assert one.found + listed == pytest.approx(one.expected, abs=0.005)


def test_the_profit_of_five_roots_is_the_sum_of_its_parts_to_the_cent(five, data, tmp_path):
    result, roots = five
    made = result.final_balance - result.starting_balance
    assert float(made) == pytest.approx(sum(one.found for one in roots), abs=0.005)
    assert float(made) == pytest.approx(float(result.positions["pnl"].sum()), abs=0.005)
    alone = []
    for root in FIVE:
        folder = tmp_path / root
        folder.mkdir()
        single = run(load(written_run(folder, data, [root])))
        alone.append(single.final_balance - single.starting_balance)
    assert sum(alone) == made


def test_it_is_flat_an_hour_after_the_last_decision_of_a_session(five):
    result, _ = five
    closed = result.positions["closed"].dt.convert_time_zone("America/Chicago")
    last = max(moment.strftime("%H:%M") for moment in closed)
    assert last == "15:46"  # decided at 14:45, entered at 14:46


def test_a_small_account_holds_nothing_of_a_large_contract(data, tmp_path):
    result, (one,) = compared(written_run(tmp_path, data, ["NQ"], capital=20_000))
    assert one.zero == one.decisions > 100
    assert one.trades == result.fills.height == 0
    assert one.average < 0.5


def test_what_the_margin_denies_is_listed_as_a_difference(data, tmp_path):
    file = written_run(tmp_path, data, ["ZN"])
    file.write_text(file.read_text().replace("3_000_000 USD", "12_000 USD"))
    result, (one,) = compared(file)
    assert "DENIED" in set(result.orders["status"])
    assert one.differences
    assert result.positions["quantity"].max() < 20


def test_a_changed_book_is_refused_before_a_bar(data, tmp_path):
    file = written_run(tmp_path, data, ["ES"])
    book = tmp_path / "book.yaml"
    book.write_text(book.read_text().replace("sign: 1", "sign: -1"))
    with pytest.raises(ConfigError, match="was changed"):
        prepare(load(file))


def test_other_bars_on_the_days_of_the_test_are_refused(data, tmp_path):
    file = written_run(tmp_path, data, FIVE)
    days = [datetime(2024, 1, day, tzinfo=UTC) for day in (4, 9)]
    first, last = (int(day.timestamp()) * 10**9 for day in days)
    (tmp_path / "book.yaml").unlink()
    written(tmp_path, roots=FIVE, first=first, last=last)
    with pytest.raises(ConfigError, match="other data"):
        prepare(load(file))


def test_a_root_that_was_not_tested_is_refused(data, tmp_path):
    file = written_run(tmp_path, data, ["ZN"])
    (tmp_path / "book.yaml").unlink()
    written(tmp_path, roots=["ES"])
    with pytest.raises(ConfigError, match="was tested on ES, not on ZN"):
        prepare(load(file))


def test_the_features_of_a_run_are_those_of_its_book(data, tmp_path):
    prepared = prepare(load(written_run(tmp_path, data, ["ES"])))
    assert set(prepared.features.wanted.names) == {NAME, "1m.temperature.240"}
