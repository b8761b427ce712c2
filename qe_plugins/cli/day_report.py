"""`qe report day`: the morning page of a session day, as a file, as lines or as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qe_plugins.cli.output import counted, dollars, echo, print_json
from qe_plugins.errors import QeError
from qe_plugins.journal.listings import utc

if TYPE_CHECKING:
    from qe_plugins.report.day.records import DayReport


def show_day(
    day: str | None, run: str | None, send: str | None, *, show: bool, as_json: bool
) -> None:
    """Write the page of a day, print what it says, and send it where `send` says.

    Raises QeError where a channel did not take it, after all have been tried.
    """
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
        print_json({"file": str(file), **_document(found)})
    else:
        for line in _lines(found):
            echo(line)
        echo(str(file))
    if show:
        click.launch(file.as_uri())
    if send is not None:
        _send(found, page.render(found).decode(), Path(send))


def _document(found: DayReport) -> dict[str, object]:
    names = (*found.__struct_fields__, "net_of_models", "usd_a_decision")
    return {name: getattr(found, name) for name in names}


def _send(found: DayReport, page: str, file: Path) -> None:
    from qe_plugins.alarms import DayNotice
    from qe_plugins.alarms.notices import send_notice
    from qe_plugins.config.loader import load

    settings = load(file).config.alarms
    place = settings.observatory.rstrip("/") if settings.observatory else None
    notice = DayNotice(
        title=f"{found.day}: {found.sentence}",
        text="\n".join(_lines(found)),
        page=page,
        link=f"{place}/report/{found.day}" if place else None,
    )
    tried = list(send_notice(settings, notice))
    if not tried:
        hint = "Give `alarms:` a command, a webhook or notify there."
        raise QeError(
            "no channel is configured, so the page was not sent.", where=str(file), hint=hint
        )
    for one in tried:
        echo(
            f"sent by {one.channel}" if one.problem is None else f"not sent by {one.channel}",
            err=True,
        )
    if failed := [f"{one.channel}: {one.problem}" for one in tried if one.problem]:
        raise QeError(
            f"the page was not sent by {'; '.join(failed)}.", where=str(file), hint="Send it again."
        )


def _each(found: DayReport) -> str:
    """Return the cost of a hunt and the P&L net of models, empty where no desk ran."""
    each, net = found.usd_a_decision, found.net_of_models
    text = "" if each is None else f", {dollars(each)} a hunt"
    return (
        text if net is None or found.hunts is None else f"{text}, P&L net of them {net:+,.2f} USD"
    )


def _lines(found: DayReport) -> Iterator[str]:
    """Yield what the page says, a line each, for a terminal or a message."""
    yield f"{found.day}  {found.sentence}"
    for need in found.needs:
        yield f"needs you   {need.title}: {need.why}"
    if not found.needs:
        yield "Nothing needs you."
    for refusal in found.refusals:
        orders = counted(refusal.count, "order")
        yield f"refused     {refusal.plugin}: {orders}, the last: {refusal.last}"
    for line in found.disagreements:
        yield f"disagreed   {utc(line.at)} UTC  {line.text}"
    calls = counted(found.model_calls, "call")
    yield f"models      {calls}, {dollars(found.model_usd)}{_each(found)}"
    for event in found.next:
        yield f"next        {event.at:%Y-%m-%d %H:%M} UTC  {event.name}"
