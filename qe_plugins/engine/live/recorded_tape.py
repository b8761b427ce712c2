"""The bars that a session received, as a tape: for its report, and to run a backtest on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np

from qe_plugins.data.catalog import row_groups, writer
from qe_plugins.data.catalog.catalog import CatalogSeries, RecordKind
from qe_plugins.data.tape import Tape
from qe_plugins.engine.recording.fact_forms import bar_type_of
from qe_plugins.journal.facts import Fact

PRICES = ("open", "high", "low", "close")


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
