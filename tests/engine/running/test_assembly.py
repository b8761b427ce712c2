"""One desk, built by the same code on a backtest engine and on a live node."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from qe_plugins.config.loader import load
from qe_plugins.engine.running.assembly import assemble
from qe_plugins.engine.running.build import build
from qe_plugins.engine.running.prepare import PreparedRun, prepare
from tests.engine.session import committed, sandbox_node

QUICKSTART = "configs/backtest/quickstart.yaml"


@pytest.fixture(scope="module")
def quickstart() -> PreparedRun:
    return prepare(load(QUICKSTART, ["data.synthetic.sessions=2", "data.synthetic.contracts=1"]))


async def no_bars(client: Any) -> None:
    pass


def test_the_quickstarts_desk_is_built_by_the_same_code_on_both_engines(
    quickstart: PreparedRun,
) -> None:
    built = build(quickstart)
    backtest = {type(one).__name__ for one in built.context.strategies}
    hooks = built.context.plugins.names
    built.engine.dispose()
    node = sandbox_node(quickstart, no_bars)
    session = assemble(node, quickstart, committed())
    live = {type(one).__name__ for one in session.context.strategies}
    assert backtest == live == {"SignalFollower", "OpeningRange"}
    assert session.context.plugins.names == hooks
    node.dispose()
    del node, session
    gc.collect()


def test_a_sessions_strategies_have_the_ids_of_their_names(quickstart: PreparedRun) -> None:
    node = sandbox_node(quickstart, no_bars)
    context = assemble(node, quickstart, committed()).context
    assert [str(one.strategy_id) for one in context.strategies] == [
        "SignalFollower-signal_follower",
        "OpeningRange-opening_range",
    ]
    node.dispose()
    del node, context
    gc.collect()


def test_a_backtests_strategies_keep_the_numbers_of_nautilus(quickstart: PreparedRun) -> None:
    built = build(quickstart)
    names = [str(one.strategy_id) for one in built.context.strategies]
    built.engine.dispose()
    assert names == ["SignalFollower-000", "OpeningRange-001"]
