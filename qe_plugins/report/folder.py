"""A run's folder: written beside its place and moved there whole, so it is never half there."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from qe_plugins import home
from qe_plugins.config import source
from qe_plugins.errors import ReportError
from qe_plugins.report import costs, margin, shelf, tearsheet
from qe_plugins.report.ledger import Ledger
from qe_plugins.report.summary import summarize
from qe_plugins.report.trade import TRADES

if TYPE_CHECKING:
    from qe_plugins.engine.outcome import Outcome

PAGE = "report.html"
FRAMES = ("orders", "fills", "positions", "account", "signals", "vetoes", "marks")


def check_out(out: Path | None) -> None:
    """Raise ReportError where `out` cannot become a run's folder. Call it before the run."""
    if out is None or not out.exists():
        return
    if not out.is_dir():
        raise ReportError("is a file, not a folder.", where=str(out), hint="Name a new folder.")
    if any(out.iterdir()):
        hint = "Name a new folder, or empty this one."
        raise ReportError("the folder is not empty.", where=str(out), hint=hint)


def write(outcome: Outcome, resolved: dict[str, Any], out: Path | None = None) -> Path:
    """Write everything a run leaves and return its folder: `out`, else one under the state folder.

    `resolved` is the configuration that ran. The figures are in `result.json`, with
    `seconds.report` the time this took; read them back with `result`. Raises ReportError as
    `check_out` does, and then leaves nothing behind.
    """
    began = time.perf_counter()
    place = (out or home.runs_dir() / outcome.run_id).absolute()
    check_out(place)
    ledger = Ledger.of(outcome)
    figures = summarize(outcome, place, ledger)
    with _whole(place) as folder:
        (folder / "config.yaml").write_text(source.dump(resolved), encoding="utf-8")
        _write_frames(folder, outcome, ledger)
        page = tearsheet.render(outcome, ledger, figures)
        (folder / PAGE).write_text(page, encoding="utf-8")
        figures["seconds"]["report"] = round(time.perf_counter() - began, 3)
        (folder / shelf.RESULT).write_bytes(msgspec.json.format(msgspec.json.encode(figures)))
    shelf.remember(outcome.run_id, place)
    return place


def result(run_dir: Path) -> dict[str, Any]:
    """Return the figures of a written run, as `summary.summarize` names them."""
    return shelf.figures(run_dir)


def _write_frames(folder: Path, outcome: Outcome, ledger: Ledger) -> None:
    for name in FRAMES:
        getattr(outcome, name).write_parquet(folder / f"{name}.parquet")
    ledger.curve.write_parquet(folder / "equity.parquet")
    trades = costs.of_trades(outcome.positions, outcome.tape.contracts)
    peaks = margin.of_trades(trades, outcome.account)
    trades.with_columns(peaks).write_parquet(folder / TRADES)


@contextmanager
def _whole(place: Path) -> Iterator[Path]:
    """Yield a hidden folder beside `place` that takes its name when everything went well."""
    place.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".part", dir=place.parent))
    try:
        part.chmod(0o755)
        yield part
        if place.exists():
            place.rmdir()
        part.rename(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)
