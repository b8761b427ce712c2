"""What a notebook or a script calls: run and sweep configurations, read runs, sweeps and journal.

`run`, `sweep`, `walkforward`, `load`, `load_sweep`, `runs`, `journal` and `import_bars` change only
with a deprecation of one release. Frames are Polars frames: money is in the account's currency,
times are UTC, returns, drawdowns and rates are parts of one (0.01 is 1%), ratios are a year's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from qe_plugins import project
from qe_plugins.errors import ReportError

if TYPE_CHECKING:
    import polars as pl

    from qe_plugins.research.grid import Axis
    from qe_plugins.research.walkforward.judgement import JudgedWalk

FRAMES = ("trades", "orders", "fills", "positions", "account", "signals", "vetoes", "equity")
"""Tables of a run. Times are UTC, `ts` that of the event; sizes are contracts, prices points.

trades     a round trip a row, flat to flat, as `report/figures/costs.py` computes it: id,
           instrument_id, strategy, side, quantity (peak), entry, exit, opened, closed, favorable
           and adverse (MFE and MAE), slippage, fees, net, gross (P&L at reference prices) in
           currency, ticks (slippage a contract), margin (currency); open ones have no exit
equity     the account by time: ts, session (date), equity (currency), drawdown (part of one, at
           most 0), contracts (net position)
positions, orders, fills, account, signals, vetoes   as in `engine/results/result.py`
"""

LISTED = ("run_id", "name", "mode", "started", "net_pnl", "total_return", "sharpe", "max_drawdown",
          "trades", "win_rate", "profit_factor", "run_dir")  # fmt: skip


class StoredRun(msgspec.Struct, frozen=True, kw_only=True):
    """A finished run: its folder, and `figures` as `qe report RUN --json` prints them."""

    folder: Path
    figures: dict[str, Any]

    @property
    def run_id(self) -> str:
        """Return the run's id."""
        return str(self.figures["run_id"])

    @property
    def config(self) -> dict[str, Any]:
        """Return the resolved configuration. Raises ConfigError where it cannot be read."""
        from qe_plugins.config import yaml_reader

        plain: dict[str, Any] = yaml_reader.read(self.folder / "config.yaml").to_plain()
        return plain

    def frame(self, name: str) -> pl.DataFrame:
        """Return one of the run's tables. Raises ReportError for a name that is none of `FRAMES`,
        and where the table cannot be read.
        """
        if name not in FRAMES:
            raise ReportError(f"'{name}' is no table of a run.", hint=f"Name one of {FRAMES}.")
        return _read_table(self.folder / f"{name}.parquet")


class StoredSweep(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep that has ended: its id, its folder, and its axes as values by dotted key.

    `skipped` counts the variants that were not run, by the constraint that they break; None for a
    sweep that was read and not run.
    """

    sweep_id: str
    folder: Path
    axes: dict[str, list[Any]]
    objective: str
    skipped: dict[str, int] | None = None

    @property
    def page(self) -> Path:
        """Return the path of `sweep.html`: maps, lines across all settings, and the table."""
        return self.folder / "sweep.html"

    @property
    def variants(self) -> pl.DataFrame:
        """Return a row for each variant in the order of the sweep.

        `number`, a column for each axis by its dotted key, `state` (finished, failed,
        interrupted), `error`, the figures of `qe report --json` that are numbers (`net_pnl`,
        `fees` in currency, `sharpe` of a year, `max_drawdown` below 0 as a part of one, ...),
        `key`, `seconds`. Raises ReportError where the table cannot be read.
        """
        return _read_table(self.folder / "results.parquet")

    @property
    def best(self) -> dict[str, Any]:
        """Return the row of the variant with the best objective, the first of equals, else empty.

        The best of many is overstated: it was selected on the same data.
        """
        from qe_plugins.research.objective import LESS_IS_BETTER

        rows = self.variants
        if self.objective not in rows.columns:
            return {}
        less = self.objective in LESS_IS_BETTER
        found = rows.drop_nulls(self.objective).sort(
            self.objective, descending=not less, maintain_order=True
        )
        return dict(found.row(0, named=True)) if found.height else {}


def run(file: Path | str, overrides: Mapping[str, object] | None = None) -> StoredRun:
    """Run the backtest in a YAML file as `qe backtest` does, and return it.

    `overrides` replace values of the file, as `--set` does: `{"rung.risk": 25}`. The run has a
    folder and its facts are in the journal. Raises QeError as the command does.
    """
    from qe_plugins.config.loader import load as read
    from qe_plugins.engine.running.backtest import run as run_backtest
    from qe_plugins.journal.store import Journal
    from qe_plugins.report import run_folder

    project.enter(Path.cwd())
    loaded = read(Path(file), _as_overrides(overrides))
    with Journal.open() as opened:
        outcome = run_backtest(loaded)
        return load(run_folder.record(outcome, loaded.resolved, opened))


def sweep(
    file: Path | str,
    grid: Mapping[str, Sequence[object] | str] | None = None,
    overrides: Mapping[str, object] | None = None,
    *,
    where: Sequence[str] = (),
    objective: str | None = None,
    random: int | None = None,
    sampler: str | None = None,
    trials: int | None = None,
    seed: int | None = None,
    workers: int | None = None,
    resume: str | None = None,
) -> StoredSweep:
    """Run variants of a YAML file as `qe sweep` does, and return the sweep.

    `grid` has values by dotted key, or a range: `{"rung.risk": [25, 50], "x.bars": "10..60/10"}`;
    without one it is that of the file. The other arguments are the options of the command. Every
    variant that ran is a trial in the journal. Raises QeError as the command does; a failed variant
    has its error in `variants`. Variants run in spawned processes: a script calls this below
    `if __name__ == "__main__":`.
    """
    import os

    from qe_plugins.report import sweep_page
    from qe_plugins.report.sweep_job import measure
    from qe_plugins.research import sweep_request, sweep_runner

    project.enter(Path.cwd())
    method = sweep_request.method_of(random, sampler, trials)
    choice = msgspec.structs.replace(method, where=tuple(where), objective=objective, seed=seed)
    axes = _axes(grid)
    spec, place = sweep_request.request(
        Path(file), _as_overrides(overrides), axes, choice, resume=resume
    )
    swept = sweep_runner.sweep(spec, place, measure, workers=workers or os.cpu_count() or 1)
    sweep_page.write(swept)
    return msgspec.structs.replace(load_sweep(place), skipped=swept.skipped)


def walkforward(
    file: Path | str,
    grid: Mapping[str, Sequence[object] | str] | None = None,
    overrides: Mapping[str, object] | None = None,
    *,
    train: str = "24M",
    test: str = "3M",
    where: Sequence[str] = (),
    objective: Literal["sharpe", "net_pnl"] = "sharpe",
    workers: int | None = None,
    resume: str | None = None,
) -> JudgedWalk:
    """Choose among the variants of a YAML file as `qe walkforward` does, and return the judgement.

    In each window the best variant of the months of `train` is judged on those of `test` after
    them. `grid`, `overrides` and the other arguments are as in `sweep`; so is where a script calls
    it. Every variant that ran is a trial in the journal. Raises QeError as the command does.
    """
    import os

    from qe_plugins.report import sweep_page
    from qe_plugins.report.sweep_job import measure_sessions
    from qe_plugins.research import sweep_request, sweep_runner
    from qe_plugins.research.walkforward.judgement import check_windows, judge

    project.enter(Path.cwd())
    set_in_all = _as_overrides(overrides)
    check_windows(Path(file), set_in_all, train, test)
    choice = sweep_request.Choice(where=tuple(where), objective=objective, method="grid")
    axes = _axes(grid)
    spec, place = sweep_request.request(Path(file), set_in_all, axes, choice, resume=resume)
    swept = sweep_runner.sweep(
        spec, place, measure_sessions, workers=workers or os.cpu_count() or 1
    )
    sweep_page.write(swept)
    return judge(swept, train, test, objective)


def load_sweep(name: Path | str = "last") -> StoredSweep:
    """Return a sweep by `last`, `last~1`, its id, a unique prefix, its name, or its folder.

    Raises ReportError without such a sweep.
    """
    from qe_plugins.research import sweep_store

    folder = sweep_store.find(str(name))
    spec = sweep_store.read_spec(folder)
    return StoredSweep(
        sweep_id=spec.sweep,
        folder=folder,
        axes={axis.key: list(axis.values) for axis in spec.axes},
        objective=spec.objective,
    )


def load(name: Path | str = "last") -> StoredRun:
    """Return a stored run by `last`, `last~1`, its id, a unique prefix, its name, or its folder.

    A name is that of the newest run of a configuration. Raises ReportError without such a run.
    """
    from qe_plugins.report import run_index

    folder = run_index.find(str(name))
    return StoredRun(folder=folder, figures=run_index.figures(folder))


def runs() -> pl.DataFrame:
    """Return all stored runs whose figures can be read, newest first, with the columns `LISTED`.

    `started` is UTC, `net_pnl` in the run's currency, `total_return`, `max_drawdown` (below 0) and
    `win_rate` are parts of one, `sharpe` is of a year.
    """
    import polars as pl

    from qe_plugins.report import run_index

    rows = [
        {key: one.get(key) for key in LISTED} for one in run_index.listing() if "damaged" not in one
    ]
    kinds = dict.fromkeys(LISTED, pl.Float64) | dict.fromkeys(
        ("run_id", "name", "mode", "started", "run_dir"), pl.String
    )
    found = pl.DataFrame(rows, schema=kinds | {"trades": pl.Int64})
    return found.with_columns(pl.col("started").str.to_datetime(time_zone="UTC"))


def journal(run: str = "last", kinds: Sequence[str] = ()) -> pl.DataFrame:
    """Return a run's facts in their order: kind, at (UTC), id, cause, source and body (JSON).

    `run` is named as in `load`; `kinds` are those of `journal/facts.py`, all without any. Raises
    ReportError without such a run and for a kind that does not exist.
    """
    import polars as pl

    from qe_plugins.journal.facts import FactKind
    from qe_plugins.journal.store import Journal

    try:
        wanted = [FactKind(kind) for kind in kinds] or None
    except ValueError as error:
        raise ReportError(f"{error}.", hint=f"Kinds are {', '.join(FactKind)}.") from error
    with Journal.open() as opened:
        facts = opened.facts(load(run).run_id, wanted)
    rows = [
        (
            str(fact.kind),
            fact.ts_event,
            fact.id,
            fact.cause,
            fact.source,
            msgspec.json.encode(fact.body).decode(),
        )
        for fact in facts
    ]
    columns: dict[str, Any] = {
        "kind": pl.String,
        "at": pl.Datetime("ns", "UTC"),
        "id": pl.String,
        "cause": pl.String,
        "source": pl.String,
        "body": pl.String,
    }
    return pl.DataFrame(rows, schema=columns, orient="row")


def import_bars(
    source: object, mapping: Mapping[str, object] | Path | str, out: Path | None = None
) -> Path:
    """Import bars as `qe data import FILE --mapping MAP.yaml` does, and return the catalog.

    `source` is a path, or a frame of Polars or pandas; `mapping` is a file, or its content. Raises
    DataError and ConfigError as the command does.
    """
    from qe_plugins.config.decoder import Decoder
    from qe_plugins.config.yaml_reader import dump, parse
    from qe_plugins.data.bar_files.importer import import_bars as written
    from qe_plugins.data.bar_files.mapping import BarMapping, read_mapping

    project.enter(Path.cwd())
    if isinstance(mapping, Mapping):
        known = Decoder().decode(BarMapping, parse(dump(dict(mapping)), lambda line: "mapping"))
    else:
        known = read_mapping(Path(mapping))
    return written(Path(source) if isinstance(source, str) else source, known, out).catalog


def _read_table(file: Path) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.read_parquet(file)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ReportError(f"cannot be read: {error}.", where=str(file)) from error


def _axes(grid: Mapping[str, Sequence[object] | str] | None) -> tuple[Axis, ...]:
    from qe_plugins.research.grid import configured_axes

    return configured_axes({key: _as_values(one) for key, one in (grid or {}).items()}, "grid")


def _as_values(values: Sequence[object] | str) -> list[object]:
    return [values] if isinstance(values, str) else list(values)


def _as_overrides(given: Mapping[str, object] | None) -> tuple[str, ...]:
    return tuple(f"{key}={_as_yaml(value)}" for key, value in (given or {}).items())


def _as_yaml(value: object) -> str:
    """Return a value as YAML of one line; JSON is YAML."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
