"""The features that a session's plugins read when they voted, computed from its bars again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from qe_plugins.data.tape import open_tape
from qe_plugins.engine.live.recorded_tape import recorded_tape
from qe_plugins.engine.running.prepare import prepare
from qe_plugins.errors import FeatureError
from qe_plugins.features.checks.restart import (
    FeatureParity,
    RecordedFeatures,
    compare_recorded,
)
from qe_plugins.features.names import Wanted
from qe_plugins.features.source import bars_of, contracts_of
from qe_plugins.features.tape import CheckTape
from qe_plugins.journal.facts import FactKind
from qe_plugins.research.parity.recorded_bars import received
from qe_plugins.research.parity.recorded_session import RecordedSession, own_configuration


def feature_parity(session: RecordedSession) -> FeatureParity:
    """Compare the features recorded with a session's votes with those of its bars, bit for bit.

    Raises FeatureError where no vote has features, and QeError as a backtest of its configuration.
    """
    recorded = list(_recorded(session))
    if not recorded:
        raise FeatureError(
            "no vote was recorded with features.",
            where=f"run {session.run_id}",
            hint="They are recorded for plugins that declare features.",
        )
    own = own_configuration(session)
    source = open_tape(own.config.data, lambda key: own.where("data", key))
    plan = prepare(own, tape=source).features
    if plan is None:
        raise FeatureError("names no feature now.", where=f"run {session.run_id}")
    names = dict.fromkeys(name for one in recorded for name in one.values)
    with tempfile.TemporaryDirectory(prefix="qe-parity-") as folder:
        bars = received(session.bars, source)
        tape = recorded_tape(bars, source, Path(folder), whole=False)
        checked = CheckTape(bars_of(tape), contracts_of(tape), plan.base)
        return compare_recorded(recorded, Wanted(names, plan.wanted.families), checked)


def _recorded(session: RecordedSession) -> Iterator[RecordedFeatures]:
    bars = {fact.id: fact for fact in session.bars}
    for fact in session.facts:
        read = fact.body.get("features") if fact.kind is FactKind.VOTE else None
        if read and fact.cause in bars:
            bar = bars[fact.cause]
            yield RecordedFeatures(fact.source, bar.source, bar.ts_event, read)
