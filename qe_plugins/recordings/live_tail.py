"""The decisions of a recording that grows while a run reads it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from qe_plugins.errors import FleetError
from qe_plugins.recordings.contamination import of_decision
from qe_plugins.recordings.delivery import SECOND, DeliveredOpinion
from qe_plugins.recordings.folder import DECISIONS, INFO, RecordingFolder
from qe_plugins.recordings.records import RecordedDecision, RecordingInfo


class LiveTail:
    """Reads what was appended to a recording since it last looked; it may not exist yet."""

    def __init__(self, folder: RecordingFolder) -> None:
        self._folder, self._offset = folder, 0
        self._file = folder.path / DECISIONS
        self._info: RecordingInfo | None = None
        self.usd: dict[int, Decimal] = {}
        """What each decision cost in USD, by its moment (UTC ns)."""

    def opinions(self) -> list[DeliveredOpinion]:
        """Return the new opinions in the order of their decisions.

        A look without anything new takes a microsecond. Raises FleetError for a line that is no
        decision, and for a decision without latency.
        """
        try:
            size = self._file.stat().st_size
        except OSError:
            return []
        return list(self._read()) if size > self._offset else []

    def _read(self) -> Iterator[DeliveredOpinion]:
        if not (self._folder.path / INFO).is_file():
            return  # the first decision: its description follows at once
        with self._file.open("rb") as file:
            file.seek(self._offset)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._offset += len(whole)
        info = self._info = self._info or self._folder.info()
        for line in whole.splitlines():
            try:
                one = msgspec.json.decode(line, type=RecordedDecision)
            except (msgspec.DecodeError, ValueError) as error:
                raise FleetError(f"has no decision: {error}.", where=str(self._file)) from error
            if one.latency is None:
                raise FleetError("has a decision without latency.", where=str(self._file))
            self.usd[one.at] = one.usd
            for opinion in one.opinions:
                yield DeliveredOpinion(
                    at=one.at + round(one.latency * SECOND),
                    decided=one.at,
                    instrument=opinion.instrument,
                    score=opinion.score,
                    confidence=opinion.confidence,
                    contamination=of_decision(one, info),
                )
