"""The result of a parity check, and its run in the journal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import msgspec

from qe_plugins.journal.facts import Fact, FactKind, run_id_of
from qe_plugins.journal.store import Journal
from qe_plugins.research.parity.causes import ParityCause
from qe_plugins.research.parity.comparison import ParityDifference
from qe_plugins.research.parity.items import Key
from qe_plugins.research.parity.recorded_session import RecordedSession

MODE = "parity"
MOST = 20
"""How many causes the fact has."""


class Parity(msgspec.Struct, kw_only=True):
    """The result: what was compared, what differs, and why.

    `bars` counts the bars that the session received from `start` to `end` (UTC ns), `counts` its
    items by kind. `data` says what the backtest ran on. `settings` are those that differ, then and
    now, `code` the components and plugins whose source differs. `within_tick` counts fills at
    another price within the tick of their slippage.
    """

    session: RecordedSession
    data: str
    bars: int
    start: int
    end: int
    counts: dict[str, int]
    settings: dict[str, list[Any]]
    code: list[str]
    within_tick: int
    differences: dict[Key, ParityDifference]
    causes: list[ParityCause]
    parity_id: str = ""

    @property
    def clean(self) -> bool:
        """Return whether nothing differs."""
        return not self.differences


def record(found: Parity, about: Mapping[str, Any] | None = None) -> str:
    """Write a result to the journal as a run of its own; return its id.

    `about` is added to the body of the run's fact.
    """
    started = datetime.now(UTC)
    run_id = run_id_of(started, f"{found.session.name}-{MODE}")
    with Journal.open() as journal:
        journal.write_run(run_id, found.session.name, started, parity_facts(found, about or {}))
    return run_id


def parity_facts(found: Parity, about: Mapping[str, Any] = MappingProxyType({})) -> list[Fact]:
    """Return the facts of a result: the run, and the result caused by it."""
    session = found.session
    run = Fact(
        id="run:1",
        kind=FactKind.RUN,
        ts_event=found.start,
        source="quant-engine",
        body={
            "name": session.name,
            "mode": MODE,
            "session": session.run_id,
            "session_sha256": session.content_hash,
            "data": found.data,
            "end": found.end,
            **about,
        },
    )
    body = {
        "session": session.run_id,
        "clean": found.clean,
        "bars": found.bars,
        "compared": found.counts,
        "within_tick": found.within_tick,
        "differences": len(found.differences),
        "settings": {key: [str(one) for one in pair] for key, pair in found.settings.items()},
        "code": found.code,
        "causes": [
            {
                "kind": one.kind,
                "cause": one.text,
                "first": one.first,
                "follow": len(one.differences) - 1,
            }
            for one in found.causes[:MOST]
        ],
    }
    fact = Fact(
        id="parity:1",
        kind=FactKind.PARITY,
        ts_event=found.end,
        source="quant-engine",
        cause="run:1",
        body=body,
    )
    return [run, fact]
