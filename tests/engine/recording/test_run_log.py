"""Records of strategies and plugins are in the run's log, with market time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nautilus_trader.model import BarType
from nautilus_trader.trading import Strategy

from qe_plugins import Plugin, Review, Trade, hookimpl
from qe_plugins.config.loader import Loaded
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from qe_plugins.errors import ConfigError
from qe_plugins.plugins import PluginManager
from qe_plugins.report import run_folder
from tests.engine.conftest import CONTRACT

LOG = logging.getLogger(__name__)
TALKS = {"talks": {"path": f"{__name__}:Talks"}}


class Talks(Strategy):
    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.log.info("made")

    def on_start(self) -> None:
        self.subscribe_bars(BarType.from_str(f"{CONTRACT}-1-MINUTE-LAST-EXTERNAL"))

    def on_bar(self, bar: Any) -> None:
        self.log.debug("too small")
        self.log.info("a bar\x1b[2J")
        try:
            raise ValueError("caught")
        except ValueError:
            self.log.exception("odd")


class Remarks(Plugin):
    @hookimpl
    def contribute_signals(self, bar: object) -> None:
        LOG.warning("seen %s", "it")

    @hookimpl
    def trade_closed(self, trade: Trade) -> Review | None:
        return None


@pytest.fixture
def talked(settings: Callable[..., Loaded]) -> Callable[..., list[str]]:
    """Return a function that runs the talking strategy and returns its log's lines."""

    def go(log: str | None = None, **more: Any) -> list[str]:
        loaded = settings(None, (4750,) * 2, strategies=TALKS, **more)
        outcome = run(loaded, plugins=PluginManager([("remarks", Remarks())]), log=log)
        assert outcome.log is not None
        outcome.log.seek(0)
        return outcome.log.read().splitlines()

    return go


def test_records_of_self_log_and_logging_have_market_time(talked: Callable) -> None:
    lines = talked()
    assert lines[0].endswith("INFO    Talks: made")
    assert "2024-01-03 15:00:00.000000Z INFO    Talks-000: a bar\\x1b[2J" in lines
    assert f"2024-01-03 15:00:00.000000Z WARNING {__name__}: seen it" in lines
    assert "ValueError: caught" in lines
    assert "too small" not in "".join(lines)


def test_the_terminal_shows_the_level_that_is_requested(
    talked: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    talked()
    assert capsys.readouterr() == ("", "")


def test_with_a_level_the_log_is_on_standard_error(
    talked: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = talked("DEBUG")
    out, err = capsys.readouterr()
    assert out == ""
    assert "Talks-000: too small" in err
    assert "too small" not in "".join(lines)


def test_the_log_file_takes_the_engines_own_settings(talked: Callable) -> None:
    lines = talked(logging={"fileout_level": "ERROR", "component_levels": {"Talks-000": "debug"}})
    said = "".join(lines)
    assert "too small" in said
    assert "seen it" not in said


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"stdout_levl": "INFO"}, "Did you mean 'stdout_level'?"),
        ({"stdout_level": "LOUD"}, "LOUD"),
        ({"component_levels": {"A": "LOUD"}}, "LOUD"),
        ({"component_levels": "LOUD"}, "must be a mapping"),
        ({"file_config": {"folder": "x"}}, "unknown field 'folder'"),
    ],
)
def test_a_setting_that_the_engine_does_not_know_is_an_error(
    talked: Callable, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError, match=r"test\.yaml:") as caught:
        talked(logging=given)
    assert says in str(caught.value)


def test_the_log_is_in_the_runs_folder(
    trade: Callable[..., BacktestResult], tmp_path: Path
) -> None:
    place = run_folder.write(trade(None, strategies=TALKS), {}, tmp_path / "run")
    assert "Talks-000: a bar" in (place / "run.log").read_text()
