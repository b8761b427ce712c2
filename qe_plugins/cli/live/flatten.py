"""`qe flatten`: halt, cancel, close, verify, with the node alive, hung or dead."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.live.halt import login
from qe_plugins.cli.output import echo, json_option, print_json, set_option
from qe_plugins.errors import QeError

if TYPE_CHECKING:
    from qe_plugins.guard.flatten import FlattenReport
    from qe_plugins.guard.named import GuardedAccount

WATCHER_PATIENCE = 3.0
"""Seconds of silence after which a watcher counts as hung."""


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@set_option
@click.option(
    "--reason", default="flatten", show_default=True, help="Why, for the halt and the journal."
)
@click.option(
    "--within", default=20.0, show_default=True, help="Seconds after which it gives up and says so."
)
@click.option("--alone", is_flag=True, help="Do not ask a running watcher.")
@json_option
def flatten(
    file: Path | None,
    overrides: tuple[str, ...],
    reason: str,
    within: float,
    alone: bool,
    as_json: bool,
) -> None:
    """Close every position that FILE names, and cancel its orders, whatever the node does.

    Halts first. A running watcher is asked, whose connection is open already; else this process
    connects itself. Without FILE, it is that of the one watcher that runs. Positions of other
    contracts are listed and left. The exit code is 0 where IB showed twice that nothing is left,
    and 1 otherwise. The halt stays in force.
    """
    from qe_plugins.halt.facts import halt_body, record_run
    from qe_plugins.halt.latch import PERSON, HaltLatch
    from qe_plugins.journal.facts import FactKind
    from qe_plugins.safe_text import writable

    by, halt = login(), None
    say = _say if not as_json else lambda line: echo(line, err=True)
    try:
        halt = HaltLatch.at_home().set(writable(reason), PERSON, by=by)
        say(halt.line)
    except QeError as error:  # a full disk must not keep a position open
        echo(f"warning: NOT HALTED: {error}", err=True)
    found = _flattened(file, overrides, within, alone, say)
    if as_json:
        print_json(found)
    else:
        _print(found)
    sys.stdout.flush()
    from msgspec import to_builtins

    facts = [(FactKind.FLATTEN, {**to_builtins(found), "who": by})]
    if halt is not None:
        facts.insert(0, (FactKind.HALT, halt_body(halt.later[-1] if halt.later else halt)))
    for kind, body in facts:
        if (why := record_run(kind, PERSON, body)) is not None:
            echo(f"warning: not in the journal: {why}", err=True)
    if not found.is_flat:
        sys.exit(1)


def _flattened(
    file: Path | None, overrides: tuple[str, ...], within: float, alone: bool, say: Any
) -> FlattenReport:
    from msgspec import convert

    from qe_plugins.guard.watcher_socket import WatcherAway, ask

    config, account = _configuration(file)
    guarded = None
    if account is None or alone or overrides:  # an override may name another account
        guarded = _guarded(config, overrides)
        account = guarded.endpoint.account
    if not alone:
        request = {"do": "flatten", "within": within}
        try:
            answer = ask(account, request, timeout=WATCHER_PATIENCE, say=say)
        except WatcherAway as error:
            say(f"{error.message.rstrip('.')}: connecting alone")
        else:
            from qe_plugins.guard.flatten import FlattenReport

            return convert(answer, FlattenReport)
    return _alone(guarded or _guarded(config, overrides), within, say)


def _guarded(config: Path, overrides: tuple[str, ...]) -> GuardedAccount:
    """Return what the configuration names, which a watcher that answers has read already."""
    from qe_plugins.config.loader import load
    from qe_plugins.guard.configured import guarded_of

    return guarded_of(load(config, overrides))


def _alone(guarded: GuardedAccount, within: float, say: Any) -> FlattenReport:
    import msgspec

    from qe_plugins.guard.configured import FLATTEN_OFFSET
    from qe_plugins.guard.flatten import flatten as go_flat
    from qe_plugins.ib_client import BrokerConnection

    own = guarded.endpoint.client_id + FLATTEN_OFFSET
    endpoint = msgspec.structs.replace(guarded.endpoint, client_id=own)
    with BrokerConnection(endpoint) as broker:
        return go_flat(broker, guarded.contracts, within=within, say=say)


def _configuration(file: Path | None) -> tuple[Path, str | None]:
    """Return the configuration, and its account where a watcher runs that says it."""
    from qe_plugins.guard.watcher_socket import listening

    found = listening()
    if file is not None:  # a watcher's file says its account, without the configuration being read
        of_file = [one.account for one in found if one.config == str(file.resolve())]
        return file, of_file[0] if len(of_file) == 1 else None
    if len(found) != 1:
        was = "no watcher runs" if not found else f"{len(found)} watchers run"
        raise QeError(
            f"{was}: which configuration?",
            where="flatten",
            hint="Write `qe flatten configs/live/mes_paper.yaml`. The halt is in force.",
        )
    return Path(found[0].config), found[0].account


def _say(line: str) -> None:
    echo(line)


def _print(found: FlattenReport) -> None:
    for title, lines in (
        ("closed", found.closed),
        ("cancelled", found.cancelled),
        ("cancelled, though not named", found.not_named),
        ("left as it is, not named", found.left),
    ):
        for line in lines:
            echo(f"{title}: {line}")
    where = f"account {found.account}, {found.contracts}"
    how = f"{found.seconds:.2f} s, {found.by}"
    if found.is_flat:
        echo(f"FLAT: {where}, verified twice ({how})")
    else:
        echo(f"NOT FLAT: {where}: {found.problem} ({how})")
        echo("Look at TWS or the gateway now, and run it again.")
