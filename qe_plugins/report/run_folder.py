"""The run folder: written under a temporary name, then renamed, so that it is never partial."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from qe_plugins import state_dir, stop_signals
from qe_plugins.config import yaml_reader
from qe_plugins.data import object_store
from qe_plugins.errors import ReportError
from qe_plugins.report import run_index
from qe_plugins.report.figures import costs, margin
from qe_plugins.report.figures.equity import AccountHistory
from qe_plugins.report.summary import summarize
from qe_plugins.report.trade_report import TRADES
from qe_plugins.safe_text import redacted

if TYPE_CHECKING:
    from qe_plugins.engine.results.result import BacktestResult
    from qe_plugins.journal.store import Journal

PAGE = run_index.PAGE
LOG = "run.log"
FRAMES = ("orders", "fills", "positions", "account", "signals", "vetoes", "marks")
FILES = {f"{one}.parquet" for one in (*FRAMES, "equity")} | {
    *(PAGE, LOG, "config.yaml", run_index.RESULT, TRADES)
}
"""All files of a run folder."""


def check_out(out: Path | None) -> None:
    """Raise QeError if `out` cannot become a run folder. Call it before the run."""
    if url := object_store.url_of(out):
        object_store.refuse_filled(url)
        out = None
    if out is not None and len(os.fsencode(out.name)) > state_dir.LONGEST:
        state_dir.check_writable(out.absolute())
    if out is None or not out.exists():
        state_dir.check_writable(state_dir.runs_dir() if out is None else out.absolute())
        return
    if not out.is_dir():
        raise ReportError("is a file, not a folder.", where=str(out), hint="Name a new folder.")
    if any(out.iterdir()):
        hint = "Name a new folder, or empty this one."
        raise ReportError("the folder is not empty.", where=str(out), hint=hint)


def write(outcome: BacktestResult, resolved: dict[str, Any], out: Path | None = None) -> Path:
    """Write a run folder as `draft` does, without a journal hash, and return its path."""
    with draft(outcome, resolved, out) as publish:
        return publish(None)


def record(
    outcome: BacktestResult, resolved: dict[str, Any], journal: Journal, out: Path | None = None
) -> Path:
    """Write the run folder and the journal's facts, both or neither; return the folder.

    Raises ReportError as `check_out` does, and JournalError.
    """
    about = (outcome.run_id, outcome.name, outcome.started, outcome.facts)
    with draft(outcome, resolved, out) as publish, journal.pending_run(*about) as content:
        stop_signals.seal()
        return publish(content)


@contextmanager
def draft(
    outcome: BacktestResult, resolved: dict[str, Any], out: Path | None = None
) -> Iterator[Callable[[str | None], Path]]:
    """Write all but `result.json` to a hidden folder, and yield the function that publishes it.

    The final path is `out`, else a folder under the state folder; for an `s3://` URL that is copied
    there, `result.json` last. `resolved` is the configuration of the run. The yielded function
    takes the hash of the run's facts in the journal, writes `result.json` (`seconds.report` is the
    time to write the folder), renames the folder and returns its path. The folder is removed again
    if the body raises later. Raises ReportError as `check_out` does.
    """
    began = time.perf_counter()
    url = object_store.url_of(out)
    if url or out is None:
        out = state_dir.runs_dir() / outcome.run_id
    place = out.absolute()
    check_out(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".part", dir=place.parent))
    published: list[Path] = []

    def publish(journal_sha256: str | None) -> Path:
        figures["journal_sha256"] = journal_sha256
        text = msgspec.json.format(msgspec.json.encode(figures)).decode()
        if url:
            object_store.upload(part, url)
        (part / run_index.RESULT).write_text(redacted(text), encoding="utf-8")
        if url:
            object_store.upload(part / run_index.RESULT, f"{url}/{run_index.RESULT}")
        if place.exists():
            place.rmdir()
        part.rename(place)
        published.append(place)
        run_index.remember(outcome.run_id, place)
        return place

    try:
        with stop_signals.undone_by(partial(stop_signals.removed, part)):
            part.chmod(0o755)
            figures = _write_files(part, outcome, resolved, place)
            figures["seconds"]["report"] = round(time.perf_counter() - began, 3)
            yield publish
    except BaseException:
        if published:
            stop_signals.removed(place)
            run_index.forget(outcome.run_id)
        raise
    finally:
        stop_signals.removed(part)


def _write_files(
    folder: Path, outcome: BacktestResult, resolved: dict[str, Any], place: Path
) -> dict[str, Any]:
    """Write all files but `result.json`, and return its figures."""
    from qe_plugins.report import tearsheet  # imports Jinja and Plotly, and checks need neither

    history = AccountHistory.of(outcome)
    figures = summarize(outcome, place, history)
    (folder / "config.yaml").write_text(yaml_reader.dump(resolved), encoding="utf-8")
    _write_frames(folder, outcome, history)
    with (folder / LOG).open("w", encoding="utf-8") as file:
        if outcome.log is not None:
            outcome.log.seek(0)
            shutil.copyfileobj(outcome.log, file)
    page = redacted(tearsheet.render(outcome, history, figures, resolved))
    (folder / PAGE).write_text(page, encoding="utf-8")
    return figures


def result(run_dir: Path) -> dict[str, Any]:
    """Return the figures of a stored run, with the keys of `summary.summarize`."""
    return run_index.figures(run_dir)


def _write_frames(folder: Path, outcome: BacktestResult, history: AccountHistory) -> None:
    for name in FRAMES:
        getattr(outcome, name).write_parquet(folder / f"{name}.parquet")
    history.curve.write_parquet(folder / "equity.parquet")
    trades = costs.of_trades(outcome.positions, outcome.data.contracts)
    peaks = margin.of_trades(trades, outcome.account)
    trades.with_columns(peaks).write_parquet(folder / TRADES)
