"""The job of a sweep's worker process: run one variant and return its figures."""

from __future__ import annotations

import traceback
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Run `{"config", "overrides"}`; return `seconds` and `figures` or `error`.

    `config` is a configuration as `config.shipped.ship` returns it. Exceptions become `error`, one
    line. Writes no run folder and no journal.
    """
    return _measured(job, False)


def measure_sessions(job: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of `measure`, its figures with `session_pnl`: net P&L by session date."""
    return _measured(job, True)


def _measured(job: dict[str, Any], sessions: bool) -> dict[str, Any]:
    began = perf_counter()
    try:
        answer: dict[str, Any] = {"figures": _run_variant(job, sessions)}
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        answer = {"error": _error_line(error)}
    answer["seconds"] = round(perf_counter() - began, 3)
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer, enc_hook=str))
    return plain  # as it is in a file, so that a resumed or a remote result is the same


def _run_variant(job: dict[str, Any], sessions: bool) -> dict[str, Any]:
    from qe_plugins import project
    from qe_plugins.config.shipped import load_shipped
    from qe_plugins.engine.running.backtest import run
    from qe_plugins.report.figures.equity import AccountHistory
    from qe_plugins.report.summary import summarize

    project.enter(Path.cwd())
    outcome = run(load_shipped(job["config"], job["overrides"]))
    history = AccountHistory.of(outcome)
    figures = summarize(outcome, Path(), history)
    if sessions:
        rows = history.sessions.select("session", "pnl").iter_rows()
        figures["session_pnl"] = {day.isoformat(): pnl for day, pnl in rows}
    not_compared = {
        *("run_id", "run_dir", "started", "seconds", "plugins", "bars_per_second"),
        "catalog",  # a path of this machine
    }
    return {name: value for name, value in figures.items() if name not in not_compared}


def _error_line(error: BaseException) -> str:
    """Return an error in one line; of an unexpected one also the source line that raised it."""
    from qe_plugins.errors import QeError
    from qe_plugins.safe_text import in_words, one_line

    if isinstance(error, QeError):
        return " ".join(in_words(error).split())
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{one_line(error)} ({Path(last.filename).name}:{last.lineno})"
