"""All checks for leaks on the requests of a recording."""

from __future__ import annotations

from typing import Any

import msgspec

from qe_plugins.fleet.leaks.attackers import Attack, level_attack, rows_of, told_apart
from qe_plugins.fleet.leaks.later import LaterLeak, later_leaks
from qe_plugins.fleet.loader import LoadedFleet, resolved_fleet
from qe_plugins.fleet.recording.as_of import HistoricMarket, requests_at
from qe_plugins.fleet.tasks.snapshot_loader import open_market
from qe_plugins.fleet.tasks.task_list import WindowTask
from qe_plugins.fleet.tree import Level, tree_of
from qe_plugins.market import specs
from qe_plugins.recordings.folder import read
from qe_plugins.recordings.records import RAW, RecordingInfo

MOST = 400
"""Windows that the attackers read: half to learn, half to guess."""


class LeakReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the changed futures, and of the attackers where the market is masked."""

    later: tuple[LaterLeak, ...]
    attacks: tuple[Attack, ...]

    @property
    def held(self) -> bool:
        """Return whether nothing leaked."""
        return all(one.held for one in self.later) and all(one.held for one in self.attacks)

    def document(self) -> dict[str, Any]:
        """Return the report as plain figures."""
        return {
            "points": len(self.later),
            "requests": sum(one.requests for one in self.later),
            "changed": sum(one.changed for one in self.later),
            "canaries": sum(one.canaries for one in self.later),
            "attacks": list(self.attacks),
            "held": self.held,
        }


def check(name: str, most: int) -> LeakReport:
    """Return the report on a recording by its name, at `most` of its decision points."""
    info = read(name).info
    loaded = fleet_of(info)
    frame = open_market(loaded).frame
    chosen = info.points[:: max(len(info.points) // most, 1)][:most]
    later = tuple(later_leaks(loaded, frame, chosen))
    attacks = () if info.mask == RAW else _attacks(loaded, HistoricMarket(frame), info)
    return LeakReport(later=later, attacks=attacks)


def fleet_of(info: RecordingInfo) -> LoadedFleet:
    """Return the fleet that a recording was made with."""
    return resolved_fleet(info.fleet, f"recording {info.name}")


def _attacks(
    loaded: LoadedFleet, market: HistoricMarket, info: RecordingInfo
) -> tuple[Attack, ...]:
    """Return the attacks on one window a decision point, as they were asked."""
    prompts: list[str] = []
    levels: list[float] = []
    at: list[int] = []
    worker = next(one for one in tree_of(loaded.fleet).nodes() if one.level is Level.WORKER)
    for point in info.points[:: max(len(info.points) // MOST, 1)]:
        requests = requests_at(loaded, market, point)
        task = requests.task(worker)
        prompt = requests.for_worker(worker, task).prompt
        if isinstance(task, WindowTask) and len(rows_of(prompt)) > 4:
            prompts.append(prompt)
            levels.append(float(task.bars.open[0]))
            at.append(point)
    if len(prompts) < 40:
        return ()
    tick = float(specs.market(info.root).tick)
    middle = at[len(at) // 2]
    seasons = ["late" if one > middle else "early" for one in at]
    return level_attack(prompts, levels, tick), told_apart("season", prompts, seasons)
