"""`qe rehearse`: a simulated TWS at a terminal, to practise against without an account."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from qe_plugins.cli.output import echo
from qe_plugins.errors import PluginError

if TYPE_CHECKING:
    from qe_plugins.testing.tws import GatewayServer

NO_FAKETIME = "--speed and --at need Debian's faketime: apt install faketime"
UNDER_FAKETIME = "QE_REHEARSAL_CLOCK"
PORT, CONTROL_PORT = "QE_TWS_PORT", "QE_TWS_CONTROL_PORT"
"""Where COMMAND finds the ports."""


@click.command()
@click.option("--port", default=4002, show_default=True, help="Where clients connect.")
@click.option("--control-port", default=4003, show_default=True, help="Where faults are ordered.")
@click.option("--account", default="DU1234567", show_default=True, help="Id of the account.")
@click.option("--cash", default=50_000.0, show_default=True, help="Dollars in the account.")
@click.option("--price", default=6500.0, show_default=True, help="First price of the front month.")
@click.option("--seed", default=7, show_default=True, help="Seed of the random walk.")
@click.option(
    "--bars",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Play a CSV of one-minute bars: time, open, high, low, close.",
)
@click.option(
    "--hours",
    type=click.Choice(["always", "cme"]),
    default="always",
    show_default=True,
    help="Trade always, or in CME's hours with the maintenance break.",
)
@click.option(
    "--restart-at", metavar="CHICAGO", help="Be down for 2 minutes daily, from e.g. 16:15."
)
@click.option("--speed", default=1, show_default=True, help="How fast time passes, by faketime.")
@click.option("--at", metavar="UTC", help="Begin at a time, e.g. '2026-12-01 14:00'.")
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep orders, positions and ids in this file over restarts.",
)
@click.option(
    "--ledger",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Append every request of clients to this file, as JSON lines.",
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def rehearse(
    port: int,
    control_port: int,
    account: str,
    cash: float,
    price: float,
    seed: int,
    bars: Path | None,
    hours: str,
    restart_at: str | None,
    speed: int,
    at: str | None,
    state: Path | None,
    ledger: Path | None,
    command: tuple[str, ...],
) -> None:
    """Run a simulated TWS until Ctrl-C.

    Real clients connect to it: Nautilus' adapter and ib_async. COMMAND, behind `--`, runs beside it
    on the same clock, and ends it: `qe rehearse --speed 30 -- qe live configs/live/mes_paper.yaml`.
    It finds the ports in $QE_TWS_PORT and $QE_TWS_CONTROL_PORT.
    """
    if (speed != 1 or at) and UNDER_FAKETIME not in os.environ:
        _restart_under_faketime(speed, at)
    from qe_plugins.testing.tws import GatewayServer, GatewaySettings, RandomWalk, RecordedBars

    settings = GatewaySettings(
        account=account,
        cash=cash,
        start=price,
        seed=seed,
        hours=hours,
        restart_at=restart_at,
        state=state,
        ledger=ledger,
    )
    now = datetime.now(UTC).timestamp()
    feed = RecordedBars(bars, start=now) if bars else RandomWalk(seed)
    server = GatewayServer(settings, port=port, control_port=control_port, feed=feed)
    sys.exit(_serve(server, command))


def _serve(server: GatewayServer, command: tuple[str, ...]) -> int:
    import asyncio
    import signal

    async def main() -> int:
        await server.start()
        _print_addresses(server)
        serving = asyncio.create_task(server.run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, serving.cancel)
        ports = {PORT: str(server.port), CONTROL_PORT: str(server.control_port)}
        environment = os.environ | ports
        child = await asyncio.create_subprocess_exec(*command, env=environment) if command else None
        ends = [serving, *([asyncio.create_task(child.wait())] if child else [])]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if child and child.returncode is None:
            child.terminate()
            await child.wait()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        return (child.returncode or 0) if child else 0

    return asyncio.run(main())


def _print_addresses(server: GatewayServer) -> None:
    gateway = server.gateway
    now = datetime.fromtimestamp(gateway.now(), UTC)
    echo(f"simulated TWS on 127.0.0.1:{server.port}, account {gateway.account.id}, paper")
    echo(f"  contracts     {' '.join(gateway.futures.symbols())}; it is {now:%Y-%m-%d %H:%M} UTC")
    if not gateway.hours.is_open(gateway.now()):
        echo(f"  closed until  {gateway.hours.next_open(gateway.now()):%a %H:%M} Chicago time")
    echo(f"  control port  {server.control_port}: JSON lines, e.g.")
    echo('                {"do": "move", "price": 6490}   {"do": "drop_connections"}')
    echo('                {"do": "lose_connectivity"}     {"do": "manual_order", "action": "BUY"}')
    echo("  Ctrl-C ends it")


def _restart_under_faketime(speed: int, at: str | None) -> NoReturn:
    """Replace this process by the same command on a faster clock. Raises `PluginError`."""
    from qe_plugins.engine.live import faked_clock

    if shutil.which("faketime") is None:
        raise PluginError(NO_FAKETIME)
    start = at or datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    try:
        moment = datetime.fromisoformat(start)
    except ValueError as error:
        raise PluginError(f"--at must be like '2026-12-01 14:00', was {start!r}") from error
    clock = f"@{moment:%Y-%m-%d %H:%M:%S} x{speed}"
    echo(f"clock: {clock} UTC, by faketime")
    environment = {"FAKETIME_DONT_RESET": "1", "TZ": "UTC", UNDER_FAKETIME: clock}
    command = ["faketime", "-f", clock, sys.executable, "-m", "qe_plugins.cli", *sys.argv[1:]]
    faked_clock.remove_leftovers()
    sys.stdout.flush()
    os.execvpe("faketime", command, os.environ | environment)
