"""`qe observatory`: serve the pages that say whether the desk needs a person."""

from __future__ import annotations

import click

from qe_plugins.cli.output import echo
from qe_plugins.errors import QeError

PORT = 8777


@click.command()
@click.option("--port", default=PORT, show_default=True, help="Port of this machine; 0 is any.")
@click.option("--open", "show", is_flag=True, help="Open it in the browser.")
@click.option("--read-only", is_flag=True, help="Serve no form: nothing can be halted or noted.")
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="Answer to this name too, which a proxy on this machine passes on. Repeatable.",
)
@click.option("--behind-proxy", is_flag=True, help="A proxy on this machine serves it by https.")
@click.option("--new-key", is_flag=True, help="Print another address for one that runs.")
@click.option("--development", is_flag=True, help="Add the page /style with every component.")
def observatory(
    port: int,
    show: bool,
    read_only: bool,
    hosts: tuple[str, ...],
    behind_proxy: bool,
    new_key: bool,
    development: bool,
) -> None:
    """Serve the Observatory on this machine, until Ctrl-C.

    Prints an address whose key is good once, for 60 seconds. It reads the journal, runs, scans and
    heartbeats, and works while no node does. It can halt and flatten; it cannot resume.
    """
    from qe_plugins.observatory.server.access import EntryKey
    from qe_plugins.observatory.settings import ObservatorySettings

    if bool(hosts) != behind_proxy:
        raise QeError(
            "--allow-host and --behind-proxy need each other.",
            where="observatory",
            hint="Only a proxy on this machine may pass on another name: give both.",
        )
    settings = ObservatorySettings(
        port=port, read_only=read_only, development=development, hosts=hosts
    )
    if new_key:
        _started(f"{settings.address}/enter?key={EntryKey.at_home(port).renew()}", show)
        return
    from qe_plugins.observatory.serving.process import serve

    serve(settings, lambda address: _started(address, show))


def _started(address: str, show: bool) -> None:
    echo(f"{address}")
    echo("good once, for 60 s; Ctrl-C stops", err=True)
    if show:
        click.launch(address)
