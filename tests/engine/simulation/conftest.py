"""Run a group of tables once for all tests that need one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from nautilus_trader.model import FuturesContract

from tests.engine.simulation.desk import Seen, Table, play


@pytest.fixture(scope="module")
def played(
    tmp_path_factory: pytest.TempPathFactory, qe_contract: FuturesContract
) -> Callable[..., Seen]:
    """Return a function that returns the outcome of a table of a group."""
    known: dict[int, dict[str, Seen]] = {}

    def see(table: Table, group: list[Table], settings: dict[str, Any]) -> Seen:
        if id(group) not in known:
            known[id(group)] = play(tmp_path_factory.mktemp("tables"), qe_contract, group, settings)
        return known[id(group)][table.says]

    return see
