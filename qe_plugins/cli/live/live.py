"""`qe live`: trade a configuration at a broker, with real money only by `--real-money`."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from qe_plugins.cli.backtest import print_run
from qe_plugins.cli.live.stopping import stopping
from qe_plugins.cli.output import echo, file_argument, log_option, out_option, set_option

if TYPE_CHECKING:
    from qe_plugins.engine.broker.session import LiveSession
    from qe_plugins.engine.broker.supervision import Supervisor


@click.command()
@file_argument
@set_option
@click.option("--real-money", is_flag=True, help="Trade an account that has real money.")
@click.option("--new", is_flag=True, help="Begin a new run where an earlier session has died.")
@click.option("--wait", is_flag=True, help="Wait for a gateway that is down or not logged in.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document at the end.")
@out_option
@log_option
def live(
    file: Path,
    overrides: tuple[str, ...],
    real_money: bool,
    new: bool,
    wait: bool,
    as_json: bool,
    out: Path | None,
    level: str | None,
) -> None:
    """Trade FILE's strategies at its broker, around the clock, until Ctrl-C.

    Positions and their stops stay at the broker when the session ends. A session that died is taken
    up again: its run goes on, with what the broker holds.
    """
    trade(
        file,
        overrides,
        real_money=real_money,
        new=new,
        wait=wait,
        as_json=as_json,
        out=out,
        level=level,
    )


def trade(
    file: Path,
    overrides: tuple[str, ...],
    *,
    real_money: bool = False,
    new: bool = False,
    wait: bool = False,
    sandbox: bool = False,
    as_json: bool,
    out: Path | None,
    level: str | None,
) -> None:
    """Run a session until Ctrl-C and print its result. With `wait`, wait for its gateway first.

    With `sandbox` the broker gives its data and receives no order; what a sandbox holds is lost
    with its process, so that such a session is not taken up again.
    """
    from qe_plugins.cli.live.live_screen import LiveScreen
    from qe_plugins.engine.broker.preparation import prepare_live
    from qe_plugins.engine.broker.run import LiveOptions, run_live
    from qe_plugins.engine.live.session_journal import died_run
    from qe_plugins.engine.risk.posture_watch import PostureSupervisor
    from qe_plugins.journal.activity.report import reported
    from qe_plugins.journal.store import Journal
    from qe_plugins.ladder.guard import LadderSupervisor, guard_of
    from qe_plugins.report import run_folder

    run_folder.check_out(out)
    guard, settings = guard_of(file, overrides, "paper" if sandbox else "live")
    prepared = prepare_live(file, settings, real_money=real_money, sandbox=sandbox)
    Journal.check()
    if wait:
        from qe_plugins.cli.live.gateway_wait import wait_for_gateway

        wait_for_gateway(prepared.settings.ib)
        # A wait may be of days: contracts, their tape and the present are those of its end.
        prepared = prepare_live(file, settings, real_money=real_money, sandbox=sandbox)
    died = None if new or sandbox else died_run(prepared.loaded, "live")
    if died is not None:
        echo(f"Taking up run {died.run_id}, whose session died.", err=True)
    options = LiveOptions(level, died)
    text = f"{prepared.loaded.config.name}, {file}, at a broker"
    ladder = None if guard is None else LadderSupervisor(guard)
    screen = LiveScreen()
    postures = PostureSupervisor()
    watching: list[Supervisor] = [postures, *([] if sandbox else supervisors())]
    if ladder is not None:
        watching.append(ladder)
    with (
        guard or nullcontext(),
        reported("live", text) as report,
        stopping() as stops,
    ):

        def begin(session: LiveSession, run_id: str) -> None:
            report.run_id, report.href = run_id, f"/run/{run_id}"
            screen.begin(prepared, run_id)
            postures.run_id = run_id
            stops.append(Stopper(session))
            if ladder is not None:
                ladder.run_id = run_id

        finished = run_live(prepared, options, show=screen.show, begin=begin, supervisors=watching)
        with run_folder.draft(finished.result, prepared.loaded.resolved, out) as publish:
            run_dir = publish(finished.close_run())
    print_run(run_dir, as_json=as_json)
    if finished.again and not any(one.stopped for one in stops):
        begin_again(finished.again, waits=not sandbox)


def begin_again(why: str, *, waits: bool) -> NoReturn:
    """Replace this process by the same command: a process has one node, of one contract.

    Where it `waits`, a gateway that is away at that moment is waited for: the session may hold a
    position, and nothing starts it once more.
    """
    echo(f"The session begins again: {why}.", err=True)
    words = sys.argv[1:]
    if waits and "--wait" not in words:
        words.append("--wait")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "qe_plugins.cli", *words])


class Stopper:
    """Ends a session at the first signal."""

    def __init__(self, session: LiveSession) -> None:
        self._session = session
        self.stopped = False

    def stop(self) -> None:
        """Have the node stop."""
        self.stopped = True
        self._session.stop()


def supervisors() -> list[Supervisor]:
    """Return what watches every live session from inside its process."""
    from qe_plugins.engine.broker.watched import WatcherRequired
    from qe_plugins.engine.supervision.attached import live_supervisors

    return [WatcherRequired(), *live_supervisors()]
