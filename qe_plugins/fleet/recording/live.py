"""Decisions recorded forward, one at a time, as a desk takes them: the only clean evidence.

The decision points of a live recording are those that were taken. Another fleet, mask or prompt
needs another name; budgets, schedule and the desk's own settings may change.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from qe_plugins.errors import FleetError
from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.prompts.masking import MASK
from qe_plugins.fleet.rank_models import refuse_unusable_providers
from qe_plugins.fleet.recording.as_of import HistoricMarket
from qe_plugins.fleet.recording.points import root_of
from qe_plugins.fleet.recording.walk import SECOND, decide, prompts_sha256, with_served
from qe_plugins.fleet.shutdown import StopRequest
from qe_plugins.fleet.tree import Level, tree_of
from qe_plugins.halt.latch import refuse_if_halted
from qe_plugins.recordings.folder import RecordingFolder, folder_of, shown
from qe_plugins.recordings.records import RAW, RecordedDecision, RecordingInfo

FREE = ("desk", "budgets", "schedule", "calls")
"""Sections of a fleet's file that no answer depends on."""


class LiveRecording:
    """The recording of one fleet that grows by a decision at a time."""

    def __init__(self, loaded: LoadedFleet) -> None:
        fleet = loaded.fleet
        self._loaded = loaded
        self.name = f"{fleet.name}-live"
        self._info = RecordingInfo(
            name=self.name,
            fleet={key: value for key, value in loaded.resolved.items() if key not in FREE},
            mask=MASK if fleet.mask_market else RAW,
            prompts=prompts_sha256(fleet),
            root=root_of(fleet.data),
            points=(),
            workers=tree_of(fleet).counts()[Level.WORKER],
        )

    def check(self) -> None:
        """Raise FleetError where the recording was begun with another fleet, mask or prompt."""
        if not self.folder.exists:
            return
        before = msgspec.structs.replace(self.folder.info(), points=(), served={})
        names = self._info.__struct_fields__
        differs = [name for name in names if getattr(before, name) != getattr(self._info, name)]
        if differs:
            raise FleetError(
                f"was begun with another {' and '.join(differs)}.",
                where=f"recording {self.name}",
                hint="Give the changed fleet another 'name:'.",
            )

    @property
    def folder(self) -> RecordingFolder:
        """Return its folder."""
        return folder_of(self.name)

    def scan_id(self, at: int) -> str:
        """Return the scan of a decision point in the ledger."""
        return f"record-{self.name}-{at // SECOND}"

    def decide(
        self,
        market: HistoricMarket,
        at: int,
        delivered: Callable[[], int],
        stop: StopRequest | None = None,
    ) -> RecordedDecision:
        """Ask about the market at a moment (UTC ns), record the decision, and return it.

        One that is recorded already is returned as it is. `delivered` returns when a session can
        have it, by the market's clock: its latency lasts until then. Raises FleetError where the
        market has no fresh bar at the moment, and where fewer votes came than the quorum of the
        workers' parents; Halted and Stopped as a scan does.
        """
        refuse_if_halted()
        refuse_unusable_providers(self._loaded.fleet)
        place = self.folder
        with place.exclusive():
            self.check()
            place.drop_partial_line()
            known = place.decisions()
            if at in known:
                self._write_info({*known})
                return known[at]
            decision = decide(self._loaded, market, place, at, stop or StopRequest())
            self._refuse_few(decision)
            latency = max(decision.latency or 0.0, (delivered() - at) / SECOND)
            decision = msgspec.structs.replace(decision, latency=round(latency, 3))
            place.append(decision)
            self._write_info({*known, at})
        return decision

    def _refuse_few(self, decision: RecordedDecision) -> None:
        ranks = self._loaded.fleet.ranks
        least = ranks.supervisor.quorum * self._info.workers
        if len(decision.votes) < least:
            raise FleetError(
                f"{len(decision.votes)} of {self._info.workers} workers voted, {least:.0f} are "
                "needed: no opinion is delivered.",
                where=f"decision at {shown(decision.at)}",
            )

    def _write_info(self, points: set[int]) -> None:
        info = msgspec.structs.replace(self._info, points=tuple(sorted(points)))
        self.folder.write_info(info)
        self.folder.write_info(with_served(info, self.folder))
