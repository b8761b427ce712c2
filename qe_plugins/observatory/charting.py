"""The data of a chart: candles, and over them lines, marks and features, as JSON for `charts.js`.

Times are Unix seconds of UTC. The same component draws a run and one of its trades.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from qe_plugins import state_dir
from qe_plugins.data.catalog.decimals import scanned
from qe_plugins.errors import QeError, ReportError
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.journal.trace import causal_chain, find_trade
from qe_plugins.report import run_index
from qe_plugins.report.trade_report import describe_trade

MOST_CANDLES = 1_500
"""Candles of a chart; where a window has more bars, each candle is several of them."""

MOST_MARKS = 1_000
MOST_OVERLAYS = 4
ON_CHART = (FactKind.FILL, FactKind.VETO, FactKind.SIGNAL, FactKind.ROLL)
AROUND = 1_800
"""Seconds before and after a trade that its chart shows, at least."""

SECOND = 1_000_000_000
OHLC = ("open", "high", "low", "close", "volume")
STEPS = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 86400, 604800)
"""Seconds of a candle."""


class ChartLine(msgspec.Struct, frozen=True, kw_only=True):
    """A level from one time to another: `kind` is entry, stop or target."""

    kind: str
    price: float
    start: int
    end: int
    title: str


class ChartMark(msgspec.Struct, frozen=True, kw_only=True):
    """A mark at a time: `kind` is fill, veto, signal or roll; `side` BUY, SELL or empty."""

    kind: str
    time: int
    text: str
    price: float | None = None
    side: str = ""


class ChartOverlay(msgspec.Struct, frozen=True, kw_only=True):
    """A feature over the candles, or below them: `points` are (time, value)."""

    name: str
    points: list[tuple[int, float]]


class ChartData(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of one chart. `candles` are (time, open, high, low, close, volume).

    `left_out` counts marks that are not shown; `note` says what is missing, and why.
    """

    title: str
    precision: int
    seconds: int
    candles: list[tuple[int, float, float, float, float, float]]
    lines: list[ChartLine] = []
    marks: list[ChartMark] = []
    overlays: list[ChartOverlay] = []
    left_out: int = 0
    note: str = ""


def chart_json(place: Path, trade: str, instrument: str, overlays: str) -> bytes:
    """Return the chart of a run as JSON: of a trade where one is named, else of a contract.

    `overlays` are names of features, apart by commas. Raises QeError where there is no such trade.
    """
    figures = {**run_index.figures(place), "run_dir": str(place)}
    if trade:
        known = _facts(figures["run_id"], None)
        chain = [step.fact for step in causal_chain(known, find_trade(known, trade))]
        row = describe_trade(place, trade)["trade"]
        data, contract = trade_chart(figures, row, chain), str(row["instrument_id"])
    else:
        contract = instrument or figures["instruments"][0]
        data = run_chart(figures, contract, _facts(figures["run_id"], ON_CHART), 2)
    found, notes = [], [data.note] if data.note else []
    for name in [one.strip() for one in overlays.split(",") if one.strip()][:MOST_OVERLAYS]:
        try:
            found.append(overlay(name, figures["name"], contract, data))
        except QeError as error:  # one that is not known is a sentence of the note
            notes.append(str(error))
    drawn = msgspec.structs.replace(data, overlays=found, note=" ".join(notes))
    return msgspec.json.encode(drawn)


def _facts(run_id: str, kinds: tuple[FactKind, ...] | None) -> list[Fact]:
    if not Journal.exists():
        return []
    with Journal.open() as journal:
        return journal.facts(run_id, kinds)


def candles(
    figures: dict[str, Any], instrument_id: str, start: int, end: int
) -> tuple[list[tuple[int, float, float, float, float, float]], int, str]:
    """Return candles of a contract from `start` to `end` (Unix seconds), their seconds, a note.

    They are read from the catalog of the run. Without one, they are the run's hourly closes.
    """
    step = next((one for one in STEPS if (end - start) / one <= MOST_CANDLES), STEPS[-1])
    bars = _bars(figures, instrument_id, start, end)
    note = ""
    if bars is None:
        bars = _hourly(Path(figures["run_dir"]), instrument_id, start, end)
        note = "The catalog of this run is gone: these are the hourly closes that it kept."
        step = max(step, 3600)
    ts = pl.col("ts") // SECOND // step * step
    table = (
        bars.group_by(ts.alias("t"))
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum(),
        )
        .sort("t")
        .collect()
    )
    return table.rows(), step, note


def trade_chart(figures: dict[str, Any], trade: dict[str, Any], chain: list[Fact]) -> ChartData:
    """Return the chart of one trade: its levels, fills and vetoes, from the facts of its chain."""
    opened, closed = _seconds(trade["opened"]), _seconds(trade["closed"])
    end = closed if closed is not None else _last(chain)
    assert opened is not None
    around = max(AROUND, end - opened)
    found, step, note = candles(figures, trade["instrument_id"], opened - around, end + around)
    return ChartData(
        title=f"{trade['instrument_id']}, {trade['side'].lower()} {trade['quantity']:g}",
        precision=int(trade["precision"]),
        seconds=step,
        candles=found,
        lines=_levels(chain, opened, end, trade["entry"]),
        marks=[mark for fact in chain if (mark := _mark(fact)) is not None],
        note=note,
    )


def run_chart(
    figures: dict[str, Any], instrument_id: str, facts: list[Fact], precision: int
) -> ChartData:
    """Return the chart of a contract over a whole run: entries, exits, vetoes, signals, rolls."""
    own = [
        fact
        for fact in facts
        if fact.body.get("instrument_id") == instrument_id
        or instrument_id in (fact.body.get("before"), fact.body.get("after"))
    ]
    if own:
        start, end = own[0].ts_event // SECOND - AROUND, own[-1].ts_event // SECOND + AROUND
    else:
        start = int(datetime.fromisoformat(figures["start"]).timestamp())
        end = int(datetime.fromisoformat(figures["end"]).timestamp())
    found, step, note = candles(figures, instrument_id, start, end)
    marks = [mark for fact in own if (mark := _mark(fact)) is not None]
    return ChartData(
        title=instrument_id,
        precision=precision,
        seconds=step,
        candles=found,
        marks=marks[-MOST_MARKS:],
        left_out=max(len(marks) - MOST_MARKS, 0),
        note=note,
    )


def overlay(name: str, run_name: str, instrument_id: str, data: ChartData) -> ChartOverlay:
    """Return a feature, `1m.NAME`, of the store that `qe features compute` wrote for a run's file.

    Raises ReportError where there is no such store or feature.
    """
    frame, _, feature = name.partition(".")
    root = next((one for one in _roots(run_name) if instrument_id.startswith(one.name)), None)
    folder = None if root is None else root / frame
    files = sorted(folder.glob("*.parquet")) if folder is not None else []
    if not files or not data.candles:
        hint = f"`qe features compute CONFIG --columns {name}` computes it."
        raise ReportError(f"no store has '{name}' of {instrument_id}.", where=run_name, hint=hint)
    table = pl.scan_parquet(files, glob=False, hive_partitioning=False)
    column = name if name in table.collect_schema() else feature
    if column not in table.collect_schema():
        raise ReportError(f"'{name}' is not in the store.", where=str(folder))
    start, end = data.candles[0][0] * SECOND, data.candles[-1][0] * SECOND
    moment = pl.col("ts").cast(pl.Int64)
    rows = (
        table.filter(moment.is_between(start, end))
        .select((moment // SECOND // data.seconds * data.seconds).alias("t"), column)
        .drop_nulls()
        .group_by("t")
        .agg(pl.col(column).last())
        .filter(pl.col(column).is_finite())
        .sort("t")
        .collect()
    )
    return ChartOverlay(name=name, points=rows.rows())


def _roots(run_name: str) -> list[Path]:
    """Return the folders of roots in a run's store of features, longest names first."""
    if not state_dir.NAME.fullmatch(run_name):
        return []
    folder = state_dir.state_dir() / "features" / run_name
    found = [one for one in folder.iterdir() if one.is_dir()] if folder.is_dir() else []
    return sorted(found, key=lambda one: -len(one.name))


def _bars(figures: dict[str, Any], instrument_id: str, start: int, end: int) -> pl.LazyFrame | None:
    place = figures.get("catalog")
    if not place:
        return None
    folder = Path(place) / "data" / "bars"
    files = sorted(folder.glob(f"{instrument_id}-{figures.get('bar_spec')}-*/**/*.parquet"))
    if not files:
        return None
    moment = pl.col("ts_event").cast(pl.Int64)
    return (
        scanned(files, *OHLC)
        .filter(moment.is_between(start * SECOND, end * SECOND))
        .select(moment.alias("ts"), *OHLC)
        .sort("ts")
    )


def _hourly(place: Path, instrument_id: str, start: int, end: int) -> pl.LazyFrame:
    moment = pl.col("ts").cast(pl.Int64)
    close = pl.col("close")
    return (
        pl.scan_parquet(place / "marks.parquet", glob=False)
        .filter(pl.col("instrument_id") == instrument_id)
        .filter(moment.is_between(start * SECOND, end * SECOND))
        .select(
            moment.alias("ts"),
            close.alias("open"),
            close.alias("high"),
            close.alias("low"),
            close,
            pl.lit(0.0).alias("volume"),
        )
        .sort("ts")
    )


def _levels(chain: list[Fact], start: int, end: int, entry: float) -> list[ChartLine]:
    """Return entry, and the stop and target of the signal that the trade followed."""
    lines = [ChartLine(kind="entry", price=entry, start=start, end=end, title="entry")]
    signals = [fact for fact in chain if fact.kind is FactKind.SIGNAL]
    before = [fact for fact in signals if fact.ts_event // SECOND <= start]
    for fact in before[-1:]:
        for kind in ("stop", "target"):
            price = fact.body.get(kind)
            if price is not None:
                lines.append(
                    ChartLine(kind=kind, price=float(price), start=start, end=end, title=kind)
                )
    return lines


def _mark(fact: Fact) -> ChartMark | None:
    body, time = fact.body, fact.ts_event // SECOND
    side = str(body.get("side", ""))
    match fact.kind:
        case FactKind.FILL:
            text = f"{side} {body['quantity']} at {body['price']}"
            return ChartMark(
                kind="fill", time=time, text=text, price=float(body["price"]), side=side
            )
        case FactKind.VETO:
            text = f"veto, {body.get('plugin', fact.source)}: {body.get('reason', '')}"
            return ChartMark(kind="veto", time=time, text=text, side=side)
        case FactKind.SIGNAL:
            text = f"signal {side}: {body.get('reason', '')}"
            side = "BUY" if side == "LONG" else "SELL"
            return ChartMark(kind="signal", time=time, text=text, side=side)
        case FactKind.ROLL:
            text = f"roll {body.get('before', '')} to {body.get('after', '')}"
            return ChartMark(kind="roll", time=time, text=text)
    return None


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())


def _last(chain: list[Fact]) -> int:
    return max(fact.ts_event for fact in chain) // SECOND
