"""`qe report day`: the morning page of a session day, as a file, as lines or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from qe_plugins.cli.output import counted, dollars, echo, print_json
from qe_plugins.journal.listings import utc

if TYPE_CHECKING:
    from qe_plugins.report.day.records import DayReport


def show_day(day: str | None, run: str | None, *, show: bool, as_json: bool) -> None:
    """Write the page of a day, and print what it says."""
    from datetime import UTC, datetime

    from qe_plugins.journal.activity.store import ActivityJournal
    from qe_plugins.journal.store import Journal
    from qe_plugins.report.day import morning, page

    now = datetime.now(UTC)
    wanted = morning.day_of(day, now)
    if Journal.exists():
        with Journal.open() as journal, ActivityJournal.open() as activity:
            run_id = None if run is None else journal.resolve(run)
            found = morning.day_report(wanted, now, journal, activity, run_id)
    else:
        found = morning.day_report(wanted, now, None)
    file = page.write(found)
    if as_json:
        print_json({"file": str(file), **{n: getattr(found, n) for n in found.__struct_fields__}})
    else:
        _print(found)
        echo(str(file))
    if show:
        click.launch(file.as_uri())


def _print(found: DayReport) -> None:
    echo(f"{found.day}  {found.sentence}")
    for need in found.needs:
        echo(f"needs you   {need.title}: {need.why}")
    if not found.needs:
        echo("Nothing needs you.")
    for refusal in found.refusals:
        orders = counted(refusal.count, "order")
        echo(f"refused     {refusal.plugin}: {orders}, the last: {refusal.last}")
    for line in found.disagreements:
        echo(f"disagreed   {utc(line.at)} UTC  {line.text}")
    echo(f"models      {counted(found.model_calls, 'call')}, {dollars(found.model_usd)}")
    for event in found.next:
        echo(f"next        {event.at:%Y-%m-%d %H:%M} UTC  {event.name}")
