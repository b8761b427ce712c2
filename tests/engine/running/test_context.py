"""What a run needs of Nautilus, and which parts of the engine know the coming chunk of data."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from nautilus_trader.backtest import BacktestEngine
from nautilus_trader.live import LiveNode

from qe_plugins import engine
from qe_plugins.engine.running import context

NEEDED = [name for name in vars(context.TradingEngine) if not name.startswith("_")]
FOLDER = Path(engine.__file__).parent
FUTURE = {"Chunk", "start_chunk", "BarColumns", "SplicedBars", "ChunkBars"}
"""Names by which code is given a chunk before its bars have closed."""


@pytest.mark.parametrize("kind", [BacktestEngine, LiveNode])
@pytest.mark.parametrize("name", NEEDED)
def test_a_backtest_and_a_live_node_have_what_a_run_needs(kind: type, name: str) -> None:
    assert hasattr(kind, name)


def test_the_context_uses_nothing_else_of_its_engine() -> None:
    tree = ast.parse(Path(context.__file__).read_text(encoding="utf-8"))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "engine"
    }
    assert {"cache", "portfolio"} <= used <= set(NEEDED)


@pytest.mark.parametrize(
    "place",
    ["hosting", "risk", "signals", "recording", "contracts", "settings", "running/context.py"],
)
def test_what_decides_on_orders_is_not_given_the_coming_chunk(place: str) -> None:
    path = FOLDER / place
    files = [path] if path.suffix else sorted(path.glob("*.py"))
    assert files
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert names & FUTURE == set(), file
