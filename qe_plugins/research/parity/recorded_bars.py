"""The bars of a session as the data of a backtest, and compared with other data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
from nautilus_trader.model import Bar

from qe_plugins.data.catalog import row_groups, writer
from qe_plugins.data.catalog.catalog import CatalogSeries, RecordKind
from qe_plugins.data.tape import Tape
from qe_plugins.engine.recording.fact_forms import bar_type_of, snapshot_id
from qe_plugins.errors import DataError
from qe_plugins.journal.facts import Fact

PRICES = ("open", "high", "low", "close")
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


class RecordedTape(Tape, frozen=True):
    """The tape of recorded bars. `lasts` has when each contract's last record was due (UTC ns)."""

    lasts: Mapping[str, int] = {}

    def last_records(self) -> dict[str, int]:
        """Return when each contract's last record was due in the session's own data."""
        return dict(self.lasts)


def recorded_tape(bars: Sequence[Fact], source: Tape, folder: Path, *, whole: bool) -> Tape:
    """Return the tape of the bars that a session received, written as a catalog to `folder`.

    Contracts and settlements are those of `source`, the session's own data; `whole` says that the
    session reached their end.
    """
    by_type: defaultdict[str, list[Fact]] = defaultdict(list)
    for fact in bars:
        by_type[bar_type_of(fact)].append(fact)
    precisions = {str(one.id): one.price_precision for one in source.contracts}
    series = []
    for name in sorted(by_type):
        found, contract = by_type[name], by_type[name][0].source
        _write(folder, name, found, precisions[contract])
        groups = [
            group
            for file in sorted((folder / "data" / "bars" / name).glob("*.parquet"))
            for group in row_groups.groups(file)
        ]
        series.append(CatalogSeries(RecordKind.BARS, name, contract, tuple(groups)))
    start, end = (pick(fact.ts_event for fact in bars) for pick in (min, max))
    expiries = {str(one.id): one.expiration_ns for one in source.contracts}
    own = {name: getattr(source, name) for name in source.__struct_fields__}
    changes = {
        "catalog": folder,
        "bar_types": sorted(by_type),
        "start": start,
        "end": end,
        "records": len(bars),
        "bars": len(bars),
        "series": tuple(series),
        "asked": source.asked if whole else (source.asked[0], end + 1),
        "settlements": {
            name: one
            for name, one in source.settlements.items()
            if whole or expiries.get(name, end + 1) <= end
        },
    }
    return RecordedTape(**own | changes, lasts=source.last_records())


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


def _write(folder: Path, name: str, bars: Sequence[Fact], precision: int) -> None:
    bars = sorted(bars, key=lambda fact: fact.ts_event)
    numbers = [[Decimal(fact.body[key]) for key in PRICES] for fact in bars]
    scale = max(0, *(-int(one.as_tuple().exponent) for row in numbers for one in row), precision)
    prices = np.array([[int(one.scaleb(scale)) for one in row] for row in numbers], np.int64)
    volumes = np.array([int(Decimal(fact.body["volume"])) for fact in bars], np.int64)
    stamps = np.array([fact.ts_event for fact in bars], np.int64)
    columns = [np.ascontiguousarray(prices[:, n]) for n in range(len(PRICES))]
    table = writer.bar_table(columns, volumes, stamps, scale=scale, precision=precision)
    writer.write_series(folder, RecordKind.BARS, name, table)
