"""`qe paper`: a session on recorded data, with its progress on the terminal and a report."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.backtest import print_run
from qe_plugins.cli.live.stopping import stopping
from qe_plugins.cli.output import echo, file_argument, log_option, out_option, set_option

if TYPE_CHECKING:
    from qe_plugins.engine.live.pacing import Pace
    from qe_plugins.engine.live.session import Engine, Started

OWN = "config"
"""The value of `--replay` for the configuration's own data."""

AS_FAST = "max"
FASTEST = 100_000.0


class Speed(click.ParamType[float | str]):
    """A number of times real time, or `max`."""

    name = "N"

    def convert(self, value: Any, param: Any, ctx: Any) -> float | str:
        """Return the number, or `max`."""
        if value == AS_FAST:
            return AS_FAST
        try:
            speed = float(value)
        except ValueError:
            speed = 0.0
        if not 0 < speed <= FASTEST:
            self.fail(f"must be a number up to {FASTEST:,.0f} or `max`, was {value}.", param, ctx)
        return speed


@click.command()
@file_argument
@click.option(
    "--replay",
    metavar="DATA",
    help="The recorded data: a folder of Databento files, a catalog, or `config` for FILE's own.",
)
@click.option(
    "--speed",
    type=Speed(),
    default=60.0,
    show_default=True,
    help="Times real time, or `max`.",
)
@click.option("--skip/--no-skip", default=True, help="Skip closed hours and gaps.  [default: skip]")
@click.option(
    "--engine",
    type=click.Choice(("node", "stream")),
    help="A live node with the sandbox, or a paced backtest engine.  "
    "[default: node, where its fills are a backtest's]",
)
@set_option
@click.option(
    "--triggers", is_flag=True, help="Let losses, rejected orders and an expired posture halt it."
)
@click.option("--resume", metavar="RUN", help="Continue a session that died: its id, or `last`.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document at the end.")
@out_option
@log_option
def paper(
    file: Path,
    replay: str | None,
    speed: float | str,
    skip: bool,
    engine: str | None,
    overrides: tuple[str, ...],
    triggers: bool,
    resume: str | None,
    as_json: bool,
    out: Path | None,
    level: str | None,
) -> None:
    """Trade FILE's strategies on paper: recorded data at a pace, simulated fills.

    Without --replay the data is that of FILE's broker as it comes, and no order is sent to it.
    Ctrl-C ends the session: it writes its report and exits with code 0. Orders that still work are
    left as they are.
    """
    from qe_plugins.cli.live.session_screen import open_screen
    from qe_plugins.config.loader import load
    from qe_plugins.engine.live.session import SessionOptions, run_session
    from qe_plugins.engine.live.session_journal import died_run, open_run
    from qe_plugins.journal.activity.report import reported
    from qe_plugins.journal.store import Journal
    from qe_plugins.ladder.guard import guard_of
    from qe_plugins.report import run_folder

    run_folder.check_out(out)
    if replay is None and load(file, overrides).config.broker is not None:
        from qe_plugins.cli.live.live import trade

        trade(file, overrides, as_json=as_json, out=out, level=level, sandbox=True)
        return
    settings = [*overrides, *replayed(replay)]
    loaded = load(file, settings)
    chosen = clock_for(engine)
    Journal.check()
    resumed = None if resume is None else open_run(resume)
    guard = None
    if loaded.config.ladder is not None:
        guard, settings = guard_of(file, settings, "paper", resumed)
        loaded = load(file, settings)
    if resumed is None and (died := died_run(loaded)) is not None:
        echo(
            f"A session of this configuration died: `--resume {died.run_id}` continues it.",
            err=True,
        )
    factor = None if isinstance(speed, str) else speed
    text = f"{loaded.config.name}, {file}, on paper"
    with (
        guard or nullcontext(),
        reported("paper", text) as report,
        open_screen() as screen,
        stopping() as stops,
    ):

        def begin(started: Started, pace: Pace) -> None:
            report.run_id = started.run_id
            report.href = f"/run/{started.run_id}"
            screen.begin(started)
            stops.append(pace)

        options = SessionOptions(
            factor,
            skip,
            chosen,
            level,
            resumed,
            triggers,
            None if engine else streams_because,
            guard,
        )
        finished = run_session(loaded, options, show=screen.show, started=begin)
        with run_folder.draft(finished.result, loaded.resolved, out) as publish:
            run_dir = publish(finished.close_run())
    print_run(run_dir, as_json=as_json)


def clock_for(engine: str | None) -> Engine:
    """Return the engine to use. For a node the process starts again where it can set its clock."""
    from qe_plugins.engine.live import faked_clock

    if engine == "stream":
        return "stream"
    if faked_clock.is_active():
        faked_clock.begin()
        return "node"
    if faked_clock.library() is not None:
        echo("The node's clock is the data's: qe starts again under libfaketime.", err=True)
        faked_clock.start_again()
    missing = "A live node needs the data's clock: Debian's package `faketime` is not installed."
    echo(f"{missing} Using --engine stream.", err=True)
    return "stream"


def streams_because(why: str) -> None:
    """Say why a session runs on a backtest engine."""
    echo(f"No live node: {why}. Using --engine stream.", err=True)


def replayed(given: str | None) -> list[str]:
    """Return the overrides that make the data of `--replay` the configuration's.

    Raises DataError without it, and where it names no data.
    """
    from qe_plugins.errors import DataError

    if given is None:
        raise DataError(
            "a paper session needs recorded data, or a `broker:` in FILE for its data.",
            where="--replay",
            hint="Write `--replay config` for the data that FILE names, or name a folder.",
        )
    if given == OWN:
        return []
    folder = Path(given).expanduser()
    if not folder.is_dir():
        hint = "Name a folder of Databento files or a catalog, or write `config`."
        raise DataError("no such folder.", where=f"--replay {given}", hint=hint)
    dbn = any(folder.rglob("*.dbn.zst")) or any(folder.rglob("*.dbn"))
    return [f"data.{'dbn' if dbn else 'catalog'}={folder.resolve()}"]
