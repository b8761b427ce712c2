"""Does a request know what happened after it? The future is changed, and no byte may follow.

A canary is planted in the tape, the headlines and the lessons after a moment, and the bars after it
are shuffled. The requests of that moment are then built in the way `qe fleet record` builds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
import polars as pl

from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.recording.as_of import HistoricMarket, requests_at
from qe_plugins.fleet.tasks.snapshot import MINUTE, PRICES
from qe_plugins.fleet.tree import Level, tree_of
from qe_plugins.llm.requests import Request

CANARY = "canary 918273"
CANARY_PRICE = 918_273.0


class LaterLeak(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the test at one moment: requests that changed, and those with the canary."""

    at: int
    requests: int
    changed: int
    canaries: int

    @property
    def held(self) -> bool:
        """Return whether no request knew of anything later."""
        return not (self.changed or self.canaries)


def later_leaks(
    loaded: LoadedFleet, frame: pl.DataFrame, points: Sequence[int], seed: int = 1
) -> Iterator[LaterLeak]:
    """Yield the result at each of the decision points; `frame` has the minute bars of the data."""
    honest = HistoricMarket(frame)
    for at in points:
        with TemporaryDirectory() as folder:
            planted = _with_planted_texts(loaded, at, Path(folder))
            before = worker_requests(loaded, honest, at)
            after = worker_requests(planted, HistoricMarket(changed_after(frame, at, seed)), at)
        yield LaterLeak(
            at=at,
            requests=len(before),
            changed=sum(one != other for one, other in zip(before, after, strict=True)),
            canaries=sum(_has_canary(one) for one in after),
        )


def worker_requests(loaded: LoadedFleet, market: HistoricMarket, at: int) -> list[Request]:
    """Return the requests of all workers at a moment. Raises FleetError where none can be made."""
    requests = requests_at(loaded, market, at)
    workers = [one for one in tree_of(loaded.fleet).nodes() if one.level is Level.WORKER]
    return [requests.for_worker(one, requests.task(one)) for one in workers]


def changed_after(frame: pl.DataFrame, at: int, seed: int) -> pl.DataFrame:
    """Return bars with those after a moment (UTC ns) shuffled, and a canary in the next minute."""
    known, later = frame.filter(pl.col("ts") <= at), frame.filter(pl.col("ts") > at)
    order = np.random.default_rng(seed).permutation(later.height)
    values = later.select(*PRICES, "volume")[order]
    shuffled = later.with_columns(values.get_columns())
    names = known["instrument"].unique().sort()
    canary = pl.DataFrame(
        {
            "ts": [at + MINUTE] * len(names),
            "instrument": names,
            **{name: [CANARY_PRICE] * len(names) for name in PRICES},
            "volume": [CANARY_PRICE] * len(names),
        }
    )
    return pl.concat([known, canary.cast(pl.Schema(known.schema)), shuffled])


def _with_planted_texts(loaded: LoadedFleet, at: int, folder: Path) -> LoadedFleet:
    """Return the fleet with a headline and a lesson from after a moment added to its files."""
    when = datetime.fromtimestamp(at / 1e9 + 1, UTC).isoformat()
    fleet = loaded.fleet
    for name, stamp in (("news", "ts"), ("lessons", "known")):
        if given := getattr(fleet, name):
            file = folder / name
            line = msgspec.json.encode({stamp: when, "text": CANARY})
            file.write_bytes(Path(given).read_bytes().rstrip(b"\n") + b"\n" + line + b"\n")
            fleet = msgspec.structs.replace(fleet, **{name: str(file)})
    return loaded.with_fleet(fleet)


def _has_canary(request: Request) -> bool:
    text = f"{request.system}\n{request.prompt}"
    return any(one in text for one in (CANARY, "918273", "918_273", "918,273"))
