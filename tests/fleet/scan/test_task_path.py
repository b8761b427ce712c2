"""The path from a worker's task to its outcome goes through few modules."""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from pathlib import Path

import pytest

import qe_plugins
from qe_plugins.fleet.loader import load
from qe_plugins.fleet.scan import lifecycle
from qe_plugins.fleet.scan.runner import ScanRunner
from tests.fleet.models import KEYS, ONE_VENDOR, fleet_on, vendor

PACKAGE = Path(qe_plugins.__file__).parent
MOST = 18
"""Fifteen, the halt latch that every call reads before anything is reserved, masking, and the
features of windows, which are in `qe_plugins.features`.
"""

TOOL = 3
"""A tool id of sys.monitoring that the standard library leaves free."""


class Entered:
    """Modules of the package that each worker's task, and the tasks it creates, enter."""

    def __init__(self) -> None:
        self.modules: defaultdict[str, set[str]] = defaultdict(set)
        self._node_of: dict[int, str] = {}

    def own(self, node: str) -> None:
        """Count what the current task enters from now on for a node."""
        self._node_of[id(asyncio.current_task())] = node

    def adopt(self, task: asyncio.Task) -> None:
        """Count what a task enters for the node of the current task."""
        node = self._node_of.get(id(asyncio.current_task()))
        if node is not None:
            self._node_of[id(task)] = node

    def leave(self) -> None:
        """Count no more for the current task."""
        self._node_of.pop(id(asyncio.current_task()), None)

    def enter(self, code, *_: object) -> object:
        """Note the start or the resumption of a function."""
        file = Path(code.co_filename)
        if not file.is_relative_to(PACKAGE):
            return sys.monitoring.DISABLE
        try:
            task = asyncio.current_task()
        except RuntimeError:
            return None
        node = self._node_of.get(id(task))
        if node is not None:
            self.modules[node].add(str(file.relative_to(PACKAGE)))
        return None


@pytest.fixture
def entered(monkeypatch):
    """Watch every worker's task from the runner's start of the node to its recorded outcome."""
    found = Entered()
    run_node, create_task = ScanRunner._run_node, asyncio.create_task

    async def watched_node(self, node):
        if node.id.count(".") != 3:
            return await run_node(self, node)
        found.own(node.id)
        try:
            return await run_node(self, node)
        finally:
            found.leave()

    def watched_task(work, **options):
        task = create_task(work, **options)
        found.adopt(task)
        return task

    monkeypatch.setattr(ScanRunner, "_run_node", watched_node)
    monkeypatch.setattr(asyncio, "create_task", watched_task)
    monitoring, events = sys.monitoring, sys.monitoring.events
    monitoring.use_tool_id(TOOL, "task path")
    for event in (events.PY_START, events.PY_RESUME):
        monitoring.register_callback(TOOL, event, found.enter)
    monitoring.set_events(TOOL, events.PY_START | events.PY_RESUME)
    yield found
    monitoring.set_events(TOOL, 0)
    monitoring.free_tool_id(TOOL)


TASKS = {
    "windows": {"timeframes": ["1m"], "bars": [20], "back": 2},
    "options": {"moneyness": [1.0], "days": [7], "rights": ["call"], "lookbacks": [390]},
    "backtests": {"timeframes": ["5m"], "fast": [5], "slow": [9, 12, 20], "bars": [100]},
}
"""Each kind of task for one worker or more."""


def test_a_workers_task_enters_few_modules_until_its_outcome_is_recorded(
    tmp_path, monkeypatch, entered
):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    ranks = ONE_VENDOR | {
        "captain": ONE_VENDOR["captain"] | {"count": 1},
        "supervisor": ONE_VENDOR["supervisor"] | {"count": 2},
        "worker": ONE_VENDOR["worker"] | {"count": 2},
    }
    coordinators = [{"role": "HUNTER", "tasks": TASKS}]
    with vendor(tmp_path, latency=0.02) as server:
        file = fleet_on(server, tmp_path, ranks=ranks, coordinators=coordinators)
        result = lifecycle.run(lifecycle.begin(load(file)))

    assert (result.coverage, len(entered.modules)) == (1.0, 4)
    longest = max(entered.modules.values(), key=len)
    print(f"{len(longest)} modules: {sorted(longest)}")
    assert len(longest) <= MOST, sorted(longest)
