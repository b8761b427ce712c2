"""The bars of a session as the data of a backtest, and compared with other data."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from nautilus_trader.model import Bar

from qe_plugins.data.tape import Tape
from qe_plugins.engine.live.recorded_tape import PRICES
from qe_plugins.engine.recording.fact_forms import bar_type_of, snapshot_id
from qe_plugins.errors import DataError
from qe_plugins.journal.facts import Fact

VALUES = (*PRICES, "volume")


class BarDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A bar that a session received otherwise than the data has it; None where one lacks it.

    `ts` is its close (UTC ns); values are texts by column.
    """

    bar_type: str
    contract: str
    ts: int
    received: dict[str, str] | None
    data: dict[str, str] | None


def received(bars: Sequence[Fact], source: Tape) -> list[Fact]:
    """Return the bars that a session received, without those aggregated or spliced from them.

    Raises DataError where none is left.
    """
    types = set(source.bar_types)
    found = [fact for fact in bars if bar_type_of(fact) in types]
    if not found:
        raise DataError(
            "has no bars of the types that the session received.",
            where=source.label,
            hint="Name the data that the session ran on.",
        )
    return found


def cut_to(tape: Tape, bars: Sequence[Fact], *, whole: bool) -> Tape:
    """Return a tape from the first of some bars to the last; `whole` keeps what follows them."""
    start, end = (pick(fact.ts_event for fact in bars) for pick in (min, max))
    if whole:
        return msgspec.structs.replace(tape, start=max(start, tape.start))
    expired = {str(one.id) for one in tape.contracts if one.expiration_ns <= end}
    return msgspec.structs.replace(
        tape,
        start=max(start, tape.start),
        end=min(end, tape.end),
        asked=(tape.asked[0], min(tape.asked[1], end + 1)),
        settlements={name: one for name, one in tape.settlements.items() if name in expired},
    )


def differing_bars(bars: Sequence[Fact], tape: Tape) -> list[BarDifference]:
    """Return the bars of a session that differ from those of a tape, in time order.

    Only types that the session received are compared, from its first bar to its last.
    """
    left = {fact.id: fact for fact in bars}
    types = {bar_type_of(fact) for fact in bars}
    last = max(fact.ts_event for fact in bars)
    found: list[BarDifference] = []
    for chunk in tape.chunks():
        for record in chunk.records:
            if not isinstance(record, Bar) or (name := str(record.bar_type)) not in types:
                continue
            if record.ts_event > last:
                continue
            fact = left.pop(snapshot_id(record), None)
            values = {key: str(getattr(record, key)) for key in VALUES}
            if fact is None or fact.body != values:
                contract = str(record.bar_type.instrument_id)
                found.append(_difference(name, contract, record.ts_event, fact, values))
    found += [
        _difference(bar_type_of(fact), fact.source, fact.ts_event, fact, None)
        for fact in left.values()
    ]
    return sorted(found, key=lambda one: (one.ts, one.bar_type))


def _difference(
    name: str, contract: str, ts: int, fact: Fact | None, data: dict[str, str] | None
) -> BarDifference:
    received = None if fact is None else {key: fact.body[key] for key in VALUES}
    return BarDifference(bar_type=name, contract=contract, ts=ts, received=received, data=data)
