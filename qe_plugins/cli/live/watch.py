"""`qe watch`: guard a live session from a process and a connection of its own."""

from __future__ import annotations

import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qe_plugins import stop_signals
from qe_plugins.cli.output import echo, file_argument, set_option

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded
    from qe_plugins.guard.watcher import Watcher


@click.command()
@file_argument
@set_option
@click.option("--test-alarm", is_flag=True, help="Send a test through every channel and end.")
def watch(file: Path, overrides: tuple[str, ...], test_alarm: bool) -> None:
    """Watch the account that FILE trades, from a process and a connection of its own, until Ctrl-C.

    Alarms when a position has not exactly one stop at the broker, when the node's book is not
    IB's, when node, gateway, quotes, clock, disk or journal fail, and when model calls near their
    budget. May start a node that died again, as `watch:` in FILE says. `qe flatten` uses its
    connection.
    """
    from qe_plugins.config.loader import load
    from qe_plugins.guard.watcher import Watcher

    loaded = load(file, overrides)
    if test_alarm:
        _test(loaded)
        return
    watcher = Watcher(loaded, file, _say)
    for number in stop_signals.SIGNALS:
        signal.signal(number, lambda *_: watcher.stop())
    _begin(watcher)
    try:
        watcher.run()
    finally:
        for line in watcher.close():
            echo(f"not sent by {line}", err=True)


def _begin(watcher: Watcher) -> None:
    at = watcher.guarded.endpoint
    _say(f"watching account {at.account} at {at.host}:{at.port} as client {at.client_id}")
    _say(f"contracts: {watcher.guarded.contracts}")
    _say(f"alarms by: {', '.join(one.name for one in watcher.dispatch.states())}")


def _test(loaded: Loaded) -> None:
    """Send a test by every channel, without a watcher of its own: one may be running."""
    from qe_plugins.alarms import AlarmDispatch, IncidentAlarm
    from qe_plugins.alarms.channels import channels_of
    from qe_plugins.guard.configured import guarded_of

    alarms, now = loaded.config.alarms, datetime.now(UTC)
    dispatch = AlarmDispatch(channels_of(alarms), retry_for=alarms.retry_for)
    dispatch.send(
        IncidentAlarm(
            incident=f"{now:%Y%m%d-%H%M%S}-test",
            kind="test",
            about="",
            account=guarded_of(loaded).endpoint.account,
            severity="warning",
            text="A test: alarms arrive here.",
            since=now,
        )
    )
    dispatch.drain(30.0)
    states = dispatch.states()
    dispatch.close(0.0)
    for one in states:
        echo(f"{one.name}: {'sent' if one.sent else f'NOT SENT: {one.problem}'}")
    if not all(one.sent for one in states):
        sys.exit(1)


def _say(line: str) -> None:
    echo(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC  {line}")
    sys.stdout.flush()
