"""The records of a run, from any source: a catalog's records in time order, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from pathlib import Path

import msgspec
from nautilus_trader.model import FuturesContract

from qe_plugins.config.option_chains import OptionChains
from qe_plugins.config.schema import SOURCES, DataSettings
from qe_plugins.data import object_store
from qe_plugins.data.catalog import row_groups, selection
from qe_plugins.data.catalog.catalog import Catalog, CatalogSeries, RecordKind, open_catalog
from qe_plugins.data.catalog.reader import Chunk, ChunkReader, SplicedSeries
from qe_plugins.data.catalog.selection import Where
from qe_plugins.data.catalog.settlements import Settlement
from qe_plugins.data.checks import source_checks
from qe_plugins.data.checks.completeness import PresentData, present
from qe_plugins.data.databento.catalog_stamp import check_catalog
from qe_plugins.data.dbn import source as dbn
from qe_plugins.data.options import series as option_series
from qe_plugins.data.synthetic import generator
from qe_plugins.data.synthetic.label import SyntheticLabel, read_label
from qe_plugins.data.timeframes import catalog as timeframes
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import root_of_name
from qe_plugins.market.listed_options import ListedOption

SHOWN = 6
DAY = 86_400 * 1_000_000_000


class Tape(msgspec.Struct, frozen=True):
    """The market data of a run. `start` and `end` are its first and last record's times (UTC ns).

    `contracts` and `bar_types` are those with records in the window, in id order; `label` is shown
    to users; `catalog` is the folder of the Parquet catalog; `settlements` are those of contracts
    that expire in the window, or within a day of its last record. `refused` has the reason for each
    contract left out because of its definition, by name. `records` counts bars, quotes and trades,
    `bars` bars alone; `asked` are the configured bounds of the run (UTC ns). `options` are the
    listed options beside the futures, whose quotes are among the `series`.
    """

    source: str
    label: str
    catalog: Path
    contracts: list[FuturesContract]
    bar_types: list[str]
    start: int
    end: int
    records: int
    bars: int
    chunk: int
    series: tuple[CatalogSeries, ...]
    settlements: Mapping[str, Settlement] = {}
    refused: Mapping[str, str] = {}
    asked: tuple[int, int] = (0, selection.FAR)
    options: tuple[ListedOption, ...] = ()

    def present(self) -> list[PresentData]:
        """Return the sessions and minutes that the data covers, by root."""
        contracts = {str(one.id): one for one in self.contracts}
        futures = [one for one in self.series if one.contract in contracts]
        return present(futures, contracts, *self.asked)

    def last_records(self) -> dict[str, int]:
        """Return when each contract's last record is due (UTC nanoseconds), by its id."""
        found: dict[str, int] = {}
        for one in self.series:
            if span := row_groups.span(one.groups, self.start, self.end + 1):
                found[one.contract] = max(found.get(one.contract, 0), span.last)
        return found

    def chunks(self, spliced: Sequence[SplicedSeries] = ()) -> Iterator[Chunk]:
        """Yield all records in `ts_init` order, about `chunk` of the tape's own at a time.

        At one instant contracts come in id order, of one contract quotes, trades, then bars; bars
        that a series of `spliced` copies come last.
        """
        reader = ChunkReader(self.series)
        groups = [group for one in self.series for group in one.groups]
        for first, last in row_groups.windows(groups, self.chunk, self.start, self.end):
            chunk = reader.read(first, last, spliced)
            if chunk.records:
                yield chunk


def open_tape(data: DataSettings, where: Where) -> Tape:
    """Return the tape of a `data:` section; `where("dbn")` is the location of a key in the file.

    Decodes or generates into the cache on first use. Raises DataError.
    """
    tape = open_futures(data, where)
    return tape if data.options is None else _with_options(tape, data.options, where)


def open_futures(data: DataSettings, where: Where) -> Tape:
    """Return the tape of a `data:` section without quotes of options. Raises as `open_tape`."""
    if data.dbn is not None:
        name, catalog = dbn.open_source(data, where)
        return _select_tape("dbn", f"Databento DBN {name} ({{}})", catalog, data, where)
    if data.synthetic is not None:
        catalog = generator.open_source(data.synthetic, where)
        label = SyntheticLabel((data.synthetic.root,), data.synthetic).label
        return _select_tape("synthetic", label, catalog, data, where)
    if data.catalog is None and data.options is not None:
        catalog = option_series.open_futures(data.options, where)
        label = f"futures stored with option chains of {data.options.root} ({{}})"
        return _select_tape("options", label, catalog, data, where)
    url = object_store.url_of(data.catalog)
    folder = (
        object_store.fetched(url, where("catalog"))
        if url
        else Path(data.catalog or "").expanduser()
    )
    check_catalog(folder, where("catalog"))
    catalog = open_catalog(folder, where("catalog"))
    if synthetic := read_label(folder, where("catalog")):
        return _select_tape("synthetic", synthetic.label, catalog, data, where)
    return _select_tape(
        "catalog", f"Parquet catalog {folder.resolve().name} ({{}})", catalog, data, where
    )


def _select_tape(
    source: str, label: str, catalog: Catalog, data: DataSettings, where: Where
) -> Tape:
    traded = {one.contract for one in catalog.series if one.groups} or set(catalog.contracts)
    roots = {name: catalog.contracts[name].underlying for name in traded}
    selection.refuse_refused(data, catalog.refused, roots, where)
    known = selection.of_roots(data.roots, roots, where)
    contracts = selection.chosen_contracts(data.instruments, known, where)
    place = where(next((key for key in SOURCES if getattr(data, key) is not None), "options"))
    source_checks.check_contracts(
        {name: catalog.contracts[name] for name in sorted(contracts)}, place
    )
    catalog, made = timeframes.with_bars(catalog, data, contracts, where)
    series = selection.chosen_series(catalog.series, data, contracts, where)
    start, end = selection.window(series, data, where)
    spans = [(one, span) for one in series if (span := row_groups.span(one.groups, start, end))]
    if not spans:
        raise selection.nothing_between(start, end, where)
    source_checks.check_series(series, catalog.contracts, start, end, place)
    listed = [catalog.contracts[name] for name in dict.fromkeys(one.contract for one, _ in spans)]
    last = max(span.last for _, span in spans)
    reached = {str(one.id) for one in listed if one.expiration_ns <= min(end - 1, last + DAY)}
    return Tape(
        source=source,
        label=label.format(_shown_names(listed))
        + (f", {data.bars} of its minutes" if made else ""),
        catalog=catalog.folder,
        contracts=listed,
        bar_types=[one.name for one, _ in spans if one.kind is RecordKind.BARS],
        start=min(span.first for _, span in spans),
        end=last,
        records=sum(span.rows for _, span in spans),
        bars=sum(span.rows for one, span in spans if one.kind is RecordKind.BARS),
        chunk=data.chunk_size,
        series=tuple(one for one, _ in spans),
        asked=(start, end),
        refused={n: why for n, why in catalog.refused.items() if _is_of_roots(n, data.roots)},
        settlements={name: s for name, s in catalog.settlements.items() if name in reached},
    )


def _with_options(tape: Tape, chains: OptionChains, where: Where) -> Tape:
    """Return a tape with the quotes of options beside its own records.

    Raises DataError for an option whose underlying future has no records on the tape.
    """
    end = min(tape.asked[1], tape.end + 1)
    if chains.generated is not None:
        if tape.source != "synthetic":
            raise DataError(
                "options are generated on generated futures only.",
                where=where("options"),
                hint="Remove 'generated', or use 'synthetic:' bars.",
            )
        bars = [one for one in tape.series if one.kind is RecordKind.BARS]
        found = option_series.open_generated(
            chains, chains.generated, bars, (tape.start, end), where
        )
    else:
        found = option_series.open_quotes(chains, tape.start, end, where)
    futures = {str(one.id) for one in tape.contracts}
    for one in found.contracts:
        if one.underlying_id not in futures:
            raise DataError(
                f"{one.symbol} is an option on {one.underlying}, which the run does not have.",
                where=where("options"),
                hint=f"Add the bars of {one.underlying}, or choose options on "
                f"{', '.join(sorted(name.partition('.')[0] for name in futures))}.",
            )
    rows = sum(group.rows for one in found.quotes for group in one.groups)
    made = "generated " if chains.generated is not None else ""
    return msgspec.structs.replace(
        tape,
        label=f"{tape.label}, {len(found.contracts)} {made}options on {chains.root}",
        records=tape.records + rows,
        series=(*found.quotes, *tape.series),
        options=found.contracts,
    )


def _is_of_roots(name: str, roots: Sequence[str]) -> bool:
    root = root_of_name(name)
    return not roots or root is None or root in roots


def _shown_names(contracts: list[FuturesContract]) -> str:
    names = [str(one.id.symbol) for one in sorted(contracts, key=attrgetter("expiration_ns"))]
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if names[SHOWN:] else "")
