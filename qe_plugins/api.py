"""What a notebook or a script calls: run a configuration, and read runs and journal as frames.

`run`, `load`, `runs`, `journal` and `import_bars` change only with a deprecation of one release.
What is in the frames is in `engine/results/result.py`; money is in the account's currency, times
are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from qe_plugins import project
from qe_plugins.errors import ReportError

if TYPE_CHECKING:
    import polars as pl

FRAMES = ("trades", "orders", "fills", "positions", "account", "signals", "vetoes", "equity")
"""Tables of a run. `trades` are closed and open round trips with their costs."""

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
        import polars as pl

        if name not in FRAMES:
            raise ReportError(f"'{name}' is no table of a run.", hint=f"Name one of {FRAMES}.")
        file = self.folder / f"{name}.parquet"
        try:
            return pl.read_parquet(file)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise ReportError(f"cannot be read: {error}.", where=str(file)) from error


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
    written = tuple(f"{key}={_as_yaml(value)}" for key, value in (overrides or {}).items())
    loaded = read(Path(file), written)
    with Journal.open() as opened:
        outcome = run_backtest(loaded)
        return load(run_folder.record(outcome, loaded.resolved, opened))


def load(name: Path | str = "last") -> StoredRun:
    """Return a stored run by `last`, `last~1`, its id, a unique prefix, its name, or its folder.

    A name is that of the newest run of a configuration. Raises ReportError without such a run.
    """
    from qe_plugins.report import run_index

    folder = run_index.find(str(name))
    return StoredRun(folder=folder, figures=run_index.figures(folder))


def runs() -> pl.DataFrame:
    """Return all stored runs whose figures can be read, newest first, with the columns `LISTED`."""
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


def _as_yaml(value: object) -> str:
    """Return a value as YAML of one line; JSON is YAML."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
