"""One variant of a sweep, run and measured in the process it was given."""

from __future__ import annotations

import traceback
from pathlib import Path
from time import perf_counter
from typing import Any


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Run `{"config", "overrides"}`; answer `seconds` with `figures` or `error`.

    Never raises: whatever goes wrong is the answer. Writes no run folder and no journal.
    """
    began = perf_counter()
    try:
        answer: dict[str, Any] = {"figures": _figures(job)}
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        answer = {"error": _said(error)}
    return {**answer, "seconds": round(perf_counter() - began, 3)}


def _figures(job: dict[str, Any]) -> dict[str, Any]:
    from qe_plugins import project
    from qe_plugins.config.loader import load
    from qe_plugins.engine.running.backtest import run
    from qe_plugins.report.summary import summarize

    project.enter(Path.cwd())
    outcome = run(load(job["config"], job["overrides"]))
    figures = summarize(outcome, Path())
    of_a_folder = ("run_id", "run_dir", "started", "seconds", "plugins", "bars_per_second")
    return {name: value for name, value in figures.items() if name not in of_a_folder}


def _said(error: BaseException) -> str:
    """Return one line: our own errors say what to do, of others the line that raised counts."""
    from qe_plugins.errors import QeError
    from qe_plugins.safe_text import in_words, one_line

    if isinstance(error, QeError):
        return " ".join(in_words(error).split())
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{one_line(error)} ({Path(last.filename).name}:{last.lineno})"
