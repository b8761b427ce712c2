"""`session_opened` is asked as a run begins and at 17:00 in Chicago, whatever its bars are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from nautilus_trader.model import Bar, FuturesContract
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins import Plugin, hookimpl
from qe_plugins.config.loader import load
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from qe_plugins.journal.facts import FactKind
from qe_plugins.plugins import PluginManager
from tests.engine.conftest import CONTRACTS

BARS = ["2024-01-04 22:00", "2024-01-04 23:01", "2024-01-05 22:00", "2024-01-07 23:01"]


class Listener(Plugin):
    """Remembers each session that opened, and how many bars had been heard by then."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[tuple[str, int]] = []
        self.bars = 0

    @hookimpl
    def session_opened(self, session: str) -> None:
        self.opened.append((session, self.bars))

    @hookimpl
    def contribute_signals(self, bar: Bar) -> None:
        self.bars += 1


class Late(Plugin):
    @hookimpl
    def session_opened(self) -> None:
        raise LookupError("overslept")


@pytest.fixture
def heard(
    tmp_path: Path, qe_contract: FuturesContract, qe_bar: Callable[..., Bar]
) -> Callable[[Plugin], BacktestResult]:
    """Return a function that runs a plugin past a Thursday, a Friday and a Sunday."""

    def go(plugin: Plugin) -> BacktestResult:
        catalog = ParquetDataCatalog(str(tmp_path))
        catalog.write_instruments([qe_contract])
        catalog.write_bars([qe_bar(4750, at=at) for at in BARS])
        config: dict[str, Any] = {"name": "a test", "data": {"catalog": str(tmp_path)}}
        file = tmp_path / "test.yaml"
        file.write_text(yaml.safe_dump(config | {"strategies": {}, "contracts": CONTRACTS}))
        return run(load(file), plugins=PluginManager([("plugin", plugin)]))

    return go


def test_every_session_is_opened_once_before_its_first_bar(heard: Callable) -> None:
    heard(listener := Listener())
    assert listener.opened == [("2024-01-04", 0), ("2024-01-05", 1), ("2024-01-08", 3)]


def test_an_exception_is_journaled_and_the_run_goes_on(heard: Callable) -> None:
    outcome = heard(Late())
    [failure] = [fact.body for fact in outcome.facts if fact.kind is FactKind.FAILURE]
    assert (failure["hook"], failure["error"]) == ("session_opened", "LookupError: overslept")
    assert failure["count"] == 3
