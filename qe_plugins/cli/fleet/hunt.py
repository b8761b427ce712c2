"""`qe fleet hunt`: HUNTER looks at the market as of a moment and proposes positions."""

from __future__ import annotations

from typing import Any

from click import command

from qe_plugins.cli.fleet.at_work import context_of, document, print_session, role_options
from qe_plugins.cli.output import echo, print_json


@command()
@role_options
def hunt(as_json: bool, **options: Any) -> None:
    """Let HUNTER of CONFIG's fleet look at the market and propose positions. It places nothing.

    Each signal has a stop, a target, a horizon and a time after which it counts no more. Offline, a
    rule takes the same steps with the same tools.
    """
    from qe_plugins.fleet.roles import run_role
    from qe_plugins.plugins.types import Role

    outcome = run_role(Role.HUNTER, context_of(**options))
    if as_json:
        print_json(document(outcome))
        return
    print_session(outcome.session)
    for one in outcome.found.signals:
        minutes = (one.expires - one.ts_event) // 60_000_000_000
        echo(
            f"{one.side:9} {one.instrument_id} entry {one.entry} stop {one.stop} target "
            f"{one.target}, {one.horizon / 60:g} min, expires in {minutes} min: {one.reason}"
        )
    for one in outcome.found.refused:
        echo(f"refused   {one.instrument}: {one.reason}")
    if not outcome.found.signals:
        echo("nothing to propose")
