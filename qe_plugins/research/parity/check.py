"""Check the parity of a session: rerun it, compare, and explain what differs."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from qe_plugins.config.differences import differing
from qe_plugins.config.loader import Loaded, load
from qe_plugins.data.tape import Tape, open_tape
from qe_plugins.engine.broker.contracts import live_tape, named_contract
from qe_plugins.engine.contracts.instruments import decimal
from qe_plugins.engine.live.recorded_history import RecordedHistory
from qe_plugins.engine.live.recorded_tape import recorded_tape
from qe_plugins.engine.running.prepare import files_of
from qe_plugins.errors import JournalError
from qe_plugins.journal.facts import Fact
from qe_plugins.research.parity.causes import Evidence, causes_of
from qe_plugins.research.parity.comparison import Compared, ParityDifference, compare
from qe_plugins.research.parity.items import Key, ParityItem, Reader, session_strategies
from qe_plugins.research.parity.outcome import Parity
from qe_plugins.research.parity.recorded_bars import (
    BarDifference,
    cut_to,
    differing_bars,
    received,
)
from qe_plugins.research.parity.recorded_session import RecordedSession, own_configuration
from qe_plugins.research.parity.rerun import Rerun, rerun

RECORDED = "the bars that the session recorded"

APART = ("data", "name")
"""Settings that change no decision where the bars are the same."""


def check_parity(
    session: RecordedSession,
    *,
    against: Path | None = None,
    overrides: Sequence[str] = (),
    data: Sequence[str] | None = None,
) -> Parity:
    """Rerun a session as a backtest and return what differs.

    The rerun has the session's configuration, or that of the file `against`, with `overrides`. It
    runs on the bars that the session recorded, or with the overrides `data` on the data that they
    name, whose bars are compared, too. Raises QeError as a backtest does, and JournalError where
    the session cannot be rerun.
    """
    own = own_configuration(session)
    loaded = own_configuration(session, overrides) if against is None else load(against, overrides)
    if data is None and (own.config.data.quotes or own.config.data.trades):
        raise JournalError(
            "ran on quotes or trades, which are not recorded.",
            where=f"run {session.run_id}",
            hint="Compare it on its data: `--data config`.",
        )
    source = own if not data else own_configuration(session, data)
    if data is None and session.contracts:
        tape = _brokers_tape(session, own.config.data.bars)
    else:
        tape = open_tape(source.config.data, lambda key: source.where("data", key))
    bars = received(session.bars, tape)
    history = RecordedHistory(
        session.facts, session_strategies(session.facts, session.config["strategies"])
    )
    whole = not session.still_open and session.last >= session.data_end
    with tempfile.TemporaryDirectory(prefix="qe-parity-") as folder:
        if data is None:
            known = {fact.id: fact for fact in (*history.bars, *bars)}
            used = recorded_tape(list(known.values()), tape, Path(folder), whole=whole)
            differing: list[BarDifference] = []
        else:
            used, differing = cut_to(tape, bars, whole=whole), differing_bars(bars, tape)
        again = rerun(loaded, used, session.facts, files_of(source), history)
    settings = _differing_settings(session.config, loaded.resolved)
    figures = session.engine == "stream" or bool(settings)
    compared = _compared(session, bars, again, loaded, tape, figures=figures)
    differences = _bar_differences(differing) | compared.differences
    differences = dict(sorted(differences.items(), key=lambda one: one[1].ts))
    keys = dict.fromkeys([*session.code, *again.code])
    code = [key for key in keys if session.code.get(key) != again.code.get(key)]
    ticks = {str(one.id): decimal(one.price_increment) for one in tape.contracts}
    evidence = Evidence(settings=settings, code=code, ticks=ticks)
    return Parity(
        session=session,
        data=RECORDED if data is None else tape.label,
        bars=len(bars),
        start=min(one.ts_event for one in bars),
        end=session.last,
        counts=compared.counts,
        settings=settings,
        code=code,
        within_tick=compared.within_tick,
        differences=differences,
        causes=causes_of(differences, evidence),
    )


def _brokers_tape(session: RecordedSession, bars: str) -> Tape:
    """Return the contracts that a session traded at a broker, by the exchange's rules, no records.

    The data of its configuration is that of the backtest which it extends.
    """
    began = session.facts[0].ts_event
    found = [named_contract(one, began) for one in session.contracts]
    return live_tape([one for one in found if one is not None], bars, began)


def _compared(
    session: RecordedSession,
    bars: Sequence[Fact],
    again: Rerun,
    loaded: Loaded,
    tape: Tape,
    *,
    figures: bool,
) -> Compared:
    closes = sorted({fact.ts_event for fact in bars})
    names = session_strategies(session.facts, session.config["strategies"])
    then = Reader(closes, names).read(session.facts)
    now = Reader(closes, again.strategies).read(again.facts)
    until = session.last if session.still_open else None
    return compare(then, now, _tolerances(session, tape), until, figures=figures)


def _tolerances(session: RecordedSession, tape: Tape) -> dict[str, Decimal]:
    """Return by how much a fill's price may differ, by contract: a tick where a node sends it."""
    exact = session.engine == "stream" or session.config["slippage"]["model"] == "none"
    if exact and not session.contracts:
        return {}
    return {str(one.id): decimal(one.price_increment) for one in tape.contracts}


def _bar_differences(differing: Sequence[BarDifference]) -> dict[Key, ParityDifference]:
    found: dict[Key, ParityDifference] = {}
    for one in differing:
        key = ("bar", f"snapshot:{one.bar_type}@{one.ts}")
        then, now = (_bar_item(one, key, values) for values in (one.received, one.data))
        fields: dict[str, tuple[Any, Any]] = {}
        if one.received is not None and one.data is not None:
            fields = {
                name: (value, one.data[name])
                for name, value in one.received.items()
                if value != one.data[name]
            }
        found[key] = ParityDifference(then=then, now=now, fields=fields)
    return found


def _bar_item(one: BarDifference, key: Key, values: dict[str, str] | None) -> ParityItem | None:
    if values is None:
        return None
    return ParityItem(
        kind="bar",
        key=key,
        ts=one.ts,
        source="data",
        contract=one.contract,
        label="",
        values=dict(values),
    )


def _differing_settings(then: dict[str, Any], now: dict[str, Any]) -> dict[str, list[Any]]:
    """Return the settings that differ by dotted key, without those of data and name."""
    found = differing(then, now)
    return {key: pair for key, pair in found.items() if key.partition(".")[0] not in APART}
