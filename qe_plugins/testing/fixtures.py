"""Fixtures for plugin authors, loaded by pytest through the `pytest11` entry point.

qe_contract   a MES contract of Nautilus
qe_bar        build a one-minute bar of it: `qe_bar(4750, at="2024-01-03 15:00")`
qe_signal     build a signal: `qe_signal(side="SHORT", entry="4750", stop="4755")`
qe_order      build an order request: `qe_order(quantity=2)`
qe_trade      build a closed trade: `qe_trade(pnl="-12.50")`
qe_account    build an account: `qe_account(100_000)`
qe_history    build a history of bars, oldest first: `qe_history(qe_bar(4750), qe_bar(4751))`
qe_features   build features: `qe_features({"1m.velocity.30": 2.5})`
qe_walk       build bars of a random walk as columns: `qe_walk(600, seed=3)`
qe_plugins    activate plugins: `qe_plugins(Mine()).call("veto_order", order=qe_order())`
qe_tws        a simulated TWS that real clients connect to: `qe_tws.port`, `qe_tws.control`

Fixtures may change alone, but plugin authors use their names and arguments in their projects.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from qe_plugins import project, state_dir
from qe_plugins.errors import PluginError
from qe_plugins.testing.market import qe_bar, qe_contract
from qe_plugins.testing.plugins import qe_plugins
from qe_plugins.testing.records import qe_order, qe_signal, qe_trade
from qe_plugins.testing.views import qe_account, qe_features, qe_history, qe_walk

if TYPE_CHECKING:
    from qe_plugins.testing.tws import SimulatedTws

__all__ = [
    "qe_account",
    "qe_bar",
    "qe_contract",
    "qe_features",
    "qe_history",
    "qe_order",
    "qe_plugins",
    "qe_signal",
    "qe_trade",
    "qe_tws",
    "qe_walk",
]


@pytest.fixture
def qe_tws() -> Iterator[SimulatedTws]:
    """A simulated TWS whose prices stand still until the test moves them.

    Needs `pip install nautilus-ibapi protobuf`; raises `PluginError` without.
    """
    from qe_plugins.testing.tws import SimulatedTws

    with SimulatedTws() as running:
        yield running


def pytest_configure(config: pytest.Config) -> None:
    """Put the project root first on `sys.path`, as `qe` does, and remember the user's journal.

    `journal/test_isolation.py` keeps tests out of the journal that is remembered here.
    """
    os.environ.setdefault("QE_USERS_JOURNAL", state_dir.journal_url())
    os.environ.setdefault("QE_USERS_LEDGER", state_dir.ledger_url() or "")
    try:
        project.enter(config.rootpath)
    except PluginError as error:
        raise pytest.UsageError(str(error)) from error
