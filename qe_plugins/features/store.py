"""Features on disk: Parquet by root, timeframe and month, each file whole or not there.

`ROOT/FRAME/YYYY-MM.parquet` has the closes of that month's bars (`ts`, UTC ns), their contract, and
the features in single precision. `manifest.json` has the hashes by which a file is used again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from qe_plugins.bars import Bars
from qe_plugins.features.catalogue import MOST_LOOKBACK, catalogue
from qe_plugins.features.chain import DailyChain
from qe_plugins.features.feed import FeatureFeed, ListedContract
from qe_plugins.features.frames import DAY, FrameBuilder, joined
from qe_plugins.features.kernel.compiled import kernel_hash
from qe_plugins.features.names import Wanted
from qe_plugins.features.series import Program, Series
from qe_plugins.features.source import source_hash
from qe_plugins.features.store_folder import StoreFolder
from qe_plugins.features.tape import CheckTape

MANIFEST = "manifest.json"
FORMULAS = ("across.py", "chain.py", "columns.py", "feed.py", "frames.py", "series.py", "store.py")
"""The modules whose change may change a number of the store, besides those of the kernel."""

WARM = 200 * 86_400_000_000_000
"""Nanoseconds of bars before a month that features across timeframes are given."""

CONSECUTIVE = 12
"""Months at most that one process computes after each other, going on with the same sums."""

type Report = Callable[[str], None]


class StoredPart(msgspec.Struct, frozen=True):
    """One file of the store: what it was computed from, and its rows."""

    key: str
    rows: int


class StoreManifest(msgspec.Struct, frozen=True):
    """The files of a store by path, and the hashes of what they were computed with.

    `kernel` is `formulas_hash`, `source` that of the bars.
    """

    catalogue: str
    kernel: str
    source: str
    files: dict[str, StoredPart] = {}


class StoreUnit(msgspec.Struct, frozen=True):
    """One file to compute: names are without their timeframe."""

    root: str
    frame: str
    month: str
    names: tuple[str, ...]

    @property
    def path(self) -> str:
        """Return its path in the store."""
        return f"{self.root}/{self.frame}/{self.month}.parquet"


type ComputeUnits = Callable[[Sequence[StoreUnit], str], Iterator[tuple[StoreUnit, int]]]
"""Computes files elsewhere, from bars with a hash; yields each with its rows as it is written."""


def catalogue_hash() -> str:
    """Return the first 16 hex digits of the SHA-256 of the catalogue."""
    rows = [msgspec.structs.replace(one, low=0.0, high=0.0) for one in catalogue().values()]
    return hashlib.sha256(msgspec.json.encode(rows)).hexdigest()[:16]


@cache
def formulas_hash() -> str:
    """Return the first 16 hex digits of the SHA-256 of the kernel and of what prepares its bars."""
    digest = hashlib.sha256(kernel_hash().encode())
    for name in FORMULAS:
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()[:16]


def compute_store(
    place: Path | str,
    names: Sequence[str],
    bars: Mapping[str, Bars],
    contracts: Sequence[ListedContract],
    workers: int = 1,
    report: Report = lambda _: None,
    compute: ComputeUnits | None = None,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> StoreManifest:
    """Compute features into a folder, or below an `s3://` URL; return the store's manifest.

    Files that are there are used again. A process that is killed leaves no short file, and the next
    one continues. `report` is called with each line for a person to read, `advance` with the number
    of files that are there and that were asked for. With `compute`, files are computed elsewhere.
    """
    out = StoreFolder(place)
    manifest = _opened(out, source_hash(bars), report)
    asked, there = list(_units(Wanted(names), bars, contracts)), out.names()
    units = [unit for unit in asked if not _is_there(there, unit, manifest)]
    listed, done = list(contracts), len(asked) - len(units)
    advance(done, len(asked))

    def note(unit: StoreUnit, rows: int) -> None:
        nonlocal manifest, done
        manifest = _noted(out, manifest, unit, rows)
        done += 1
        advance(done, len(asked))

    if compute is not None:
        for unit, rows in compute(units, manifest.source):
            note(unit, rows)
    elif workers > 1 and len(units) > 1:
        arguments = (dict(bars), listed, out)
        each = min(CONSECUTIVE, -(-len(units) // workers))
        pool = ProcessPoolExecutor(
            workers, mp_context=get_context("spawn"), initializer=start, initargs=arguments
        )
        with pool:
            for unit, rows in pool.map(written, units, chunksize=each):
                note(unit, rows)
    else:
        start(dict(bars), listed, out)
        for unit in units:
            note(*written(unit))
    report(f"{len(units)} files computed, {len(asked) - len(units)} used again")
    return manifest


def _opened(out: StoreFolder, source: str, report: Report) -> StoreManifest:
    fresh = StoreManifest(catalogue_hash(), formulas_hash(), source)
    try:
        known = msgspec.json.decode(out.read(MANIFEST) or b"", type=StoreManifest)
    except (OSError, msgspec.DecodeError):
        return fresh
    words = {"catalogue": "another catalogue", "kernel": "other formulas", "source": "another data"}
    for name, what in words.items():
        if getattr(known, name) != getattr(fresh, name):
            report(f"the store was made with {what}: it is computed again")
            return fresh
    return known


def _units(
    wanted: Wanted, bars: Mapping[str, Bars], contracts: Sequence[ListedContract]
) -> Iterator[StoreUnit]:
    roots = {one.id: one.root for one in contracts}
    for root in dict.fromkeys(one.root for one in contracts):
        months: set[str] = set()
        for name, found in bars.items():
            if roots[name] == root and len(found):
                stamps = found.ts_event.view("datetime64[ns]").astype("datetime64[M]")
                months |= {str(month) for month in np.unique(stamps)}
        named = {**wanted.windows, "across": wanted.across}
        asked = {name.partition(".")[0] for name in wanted.names}
        for frame, names in named.items():
            own = [n for n in names if f"{frame}.{n}" in wanted.names]
            if frame in asked and own:
                yield from (StoreUnit(root, frame, m, tuple(own)) for m in sorted(months))


def _key(unit: StoreUnit, manifest: StoreManifest) -> str:
    parts = (*msgspec.structs.astuple(unit), manifest.catalogue, manifest.kernel, manifest.source)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _is_there(there: Collection[str], unit: StoreUnit, manifest: StoreManifest) -> bool:
    known = manifest.files.get(unit.path)
    return known is not None and known.key == _key(unit, manifest) and unit.path in there


def _noted(out: StoreFolder, manifest: StoreManifest, unit: StoreUnit, rows: int) -> StoreManifest:
    part = StoredPart(_key(unit, manifest), rows)
    files = {**manifest.files, unit.path: part}
    made = StoreManifest(manifest.catalogue, manifest.kernel, manifest.source, files)
    out.write(MANIFEST, msgspec.json.format(msgspec.json.encode(made, order="deterministic")))
    return made


_shared: dict[str, object] = {}
"""What a worker process computes from."""


def start(bars: dict[str, Bars], contracts: Sequence[ListedContract], out: StoreFolder) -> None:
    """Have this process compute files from these bars; what it has built of them already stays."""
    same = _shared.get("bars") is bars
    _shared.update(bars=bars, contracts=list(contracts), out=out)
    if same:
        return
    _frames.clear()
    _feeds.clear()
    _chains.clear()


_frames: dict[tuple[str, str], Bars] = {}
"""The bars of a contract and timeframe, built once for all months."""

_feeds: dict[tuple[str, tuple[str, ...]], tuple[FeatureFeed, int]] = {}
"""What computes the features across timeframes of a root, and up to when it has bars (UTC ns)."""

_chains: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
"""The sessions of a root as `DailyChain` returns them, chained once for all months."""


def written(unit: StoreUnit) -> tuple[StoreUnit, int]:
    """Write one file; return it and how many rows it has. Call `start` before."""
    out, bars, contracts = _shared["out"], _shared["bars"], _shared["contracts"]
    assert isinstance(out, StoreFolder)
    assert isinstance(bars, dict)
    assert isinstance(contracts, list)
    of_root = [one for one in contracts if one.root == unit.root and one.id in bars]
    if unit.frame == "across":
        parts = list(_across(unit, bars, of_root))
    elif unit.frame == DAY:
        parts = list(_sessions(unit, bars, of_root))
    else:
        parts = [part for one in of_root for part in _of_contract(unit, bars[one.id], one)]
    frames = [frame_of(unit.names, *part) for part in parts]
    frame = pl.concat(frames) if frames else pl.DataFrame({"ts": [], "contract": []})
    out.write_frame(unit.path, frame)
    return unit, frame.height


type _Part = tuple[str, np.ndarray, np.ndarray]
"""A contract, the closes of its bars, and features in double precision, one row a bar."""

ROWS = 256
"""Rows that are turned into columns at once: as many as the processor's cache holds."""


def frame_of(
    names: Sequence[str], contract: str, stamps: np.ndarray, values: np.ndarray
) -> pl.DataFrame:
    """Return rows of features as the table that is stored, in single precision."""
    columns = np.empty((len(names), len(stamps)), np.float32)
    for begin in range(0, len(stamps), ROWS):
        columns[:, begin : begin + ROWS] = values[begin : begin + ROWS].T
    features = dict(zip(names, columns, strict=True))
    return pl.DataFrame({"ts": stamps, "contract": pl.repeat(contract, len(stamps), eager=True)}
                        | features)  # fmt: skip


def _of_contract(unit: StoreUnit, bars: Bars, contract: ListedContract) -> Iterator[_Part]:
    key = contract.id, unit.frame
    if key not in _frames:
        builder = FrameBuilder(unit.frame, contract.root, f"{contract.id}-{unit.frame}")
        _frames[key] = bars if unit.frame == "1m" else builder.extend(bars)[0]
    found = _frames[key]
    a, b = np.searchsorted(found.ts_event, _span(unit.month)).tolist()
    if b > a:
        begin = max(a - MOST_LOOKBACK, 0)
        series = Series(contract.id, b - begin + 1)
        series.append(found[begin:b])
        values = series.values(Program(unit.names), a - begin, b - begin)
        yield contract.id, found.ts_event[a:b], values


def _sessions(
    unit: StoreUnit, bars: Mapping[str, Bars], contracts: Sequence[ListedContract]
) -> Iterator[_Part]:
    if unit.root not in _chains:
        latest = max(int(bars[one.id].ts_event[-1]) for one in contracts if len(bars[one.id]))
        sessions = {}
        for one in sorted(contracts, key=lambda one: (one.expires, one.id)):
            builder = FrameBuilder(DAY, one.root, f"{one.id}-1d")
            closed, _ = builder.extend(bars[one.id])
            sessions[one.id] = joined([closed, builder.finish(latest)])
        _chains[unit.root] = DailyChain(list(sessions)).extend(sessions)
    stamps, fixed, volume = _chains[unit.root]
    a, b = np.searchsorted(stamps, _span(unit.month)).tolist()
    if b > a:
        series = Series(f"{unit.root} sessions", len(stamps) + 1)
        series.append_units(stamps, fixed, volume)
        values = series.values(Program(unit.names), a, b)
        yield unit.root, stamps[a:b], values


def _across(
    unit: StoreUnit, bars: Mapping[str, Bars], contracts: Sequence[ListedContract]
) -> Iterator[_Part]:
    first, last = _span(unit.month)
    tape = CheckTape({one.id: bars[one.id] for one in contracts}, contracts)
    names = [f"across.{name}" for name in unit.names]
    key = unit.root, unit.names
    feed, reached = _feeds.pop(key, (None, 0))
    if feed is None or reached != first:
        feed = FeatureFeed(Wanted(names), contracts, tape.base)
        _fed(feed, tape.cut(first - WARM, first))
    month = tape.cut(first, last)
    _fed(feed, month)
    _feeds[key] = feed, last
    for contract, found in month.bars.items():
        values = np.column_stack([feed.column(contract, name) for name in names])
        yield contract, found.ts_event, values


def _fed(feed: FeatureFeed, tape: CheckTape) -> None:
    feed.compute(tape.bars)
    for contract, found in tape.bars.items():
        feed.views[contract].skip(len(found))


def _span(month: str) -> tuple[int, int]:
    """Return when a month of UTC begins and when the next one does (ns)."""
    year, number = (int(part) for part in month.split("-"))
    following = (year + number // 12, number % 12 + 1)
    edges = [datetime(y, m, 1, tzinfo=UTC) for y, m in ((year, number), following)]
    first, last = (int(one.timestamp()) * 1_000_000_000 for one in edges)
    return first, last
