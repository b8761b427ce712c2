"""`qe fleet report`: SYNTHESIS writes one page about a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from qe_plugins.cli.fleet.at_work import context_of, document, print_session, role_options
from qe_plugins.cli.output import echo, print_json


@click.command()
@click.option("--to", type=click.Path(path_type=Path), help="Write it there: .md or .html.")
@role_options
def report(to: Path | None, as_json: bool, **options: Any) -> None:
    """Let SYNTHESIS of CONFIG's fleet write one page about --run, up to --at.

    Its first line says when nothing was learned. Proposals are differences of a configuration that
    a person applies.
    """
    from qe_plugins.fleet.roles import run_role
    from qe_plugins.fleet.roles.desk_state import spent_today
    from qe_plugins.plugins.types import Role

    outcome = run_role(Role.SYNTHESIS, context_of(**options, spent=spent_today()))
    found = outcome.found
    if to is not None:
        to.write_text(found.html if to.suffix == ".html" else found.markdown, encoding="utf-8")
    if as_json:
        print_json(document(outcome))
        return
    print_session(outcome.session)
    if found.wrong_figures:
        echo(f"refused   the text: wrong figures {', '.join(found.wrong_figures)}")
    echo(found.markdown)
