"""`qe data rolls`: the front month by session, and the reason of each roll."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qe_plugins import safe_text
from qe_plugins.cli.data.symbols import DBN, places
from qe_plugins.cli.output import DateParam, echo, json_option, print_json, print_rows
from qe_plugins.cli.progress import working

if TYPE_CHECKING:
    from qe_plugins.market.roll_calendar import RollCalendar, Rule

RULE = click.option(
    "--rule",
    type=click.Choice(["volume", "open_interest", "calendar"]),
    default="volume",
    show_default=True,
    help="Roll when the next contract has more volume, more open interest, or by its dates alone.",
)


@click.command()
@click.argument("root")
@click.option(
    "--start", type=DateParam(), help="The first session.  [default: the first in the data]"
)
@click.option("--end", type=DateParam(), help="The last session.  [default: the last in the data]")
@RULE
@DBN
@json_option
def rolls(
    root: str,
    start: date | None,
    end: date | None,
    rule: str,
    dbn: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Show the roll calendar of ROOT, and store it beside the data.

    A roll is decided by figures known on the session before it, never goes back, and always
    precedes the last trade and the first notice.
    """
    from msgspec.structs import asdict

    from qe_plugins.data.rolls.calendars import clip, save
    from qe_plugins.market.roll_calendar import Rule

    if start and end and start > end:
        raise click.BadParameter(f"must not be after --end, was {start}", param_hint="--start")
    with working("reading volumes"):
        whole, days, files = _compute_calendar(root, Rule(rule), dbn)
    if rule == Rule.CALENDAR and days:
        start, end = start or days[0], end or days[-1]
    shown = clip(whole, start, end)
    file = save(whole, files)
    without_bars = _count_without_bars(shown, days)
    if as_json:
        print_json(asdict(shown) | {"sessions_without_bars": without_bars, "file": str(file)})
        return
    _print_rolls(shown)
    if without_bars and rule != Rule.CALENDAR:
        echo(f"{without_bars:,} sessions have no bars: only a deadline can end a contract there")
    echo(f"stored in {safe_text.shown(str(file))}")


def _compute_calendar(
    root: str, rule: Rule, dbn: tuple[Path, ...]
) -> tuple[RollCalendar, list[date], tuple[Path, ...]]:
    """Return the whole calendar, the sessions that have bars, and their files.

    The rule `calendar` needs no data.
    """
    from qe_plugins import state_dir
    from qe_plugins.data.dbn.root_bars import bar_files
    from qe_plugins.data.rolls.activity import open_activity
    from qe_plugins.data.rolls.calendars import rolls_by_date, rolls_of

    bought = state_dir.data_dir().is_dir() and bool(bar_files([state_dir.data_dir()], root))
    if rule == "calendar" and not dbn and not bought:
        return rolls_by_date(root), [], ()
    activity = open_activity(places(dbn), root)
    return rolls_of(activity, rule), activity.days, activity.files


def _count_without_bars(shown: RollCalendar, days: list[date]) -> int:
    """Return how many sessions up to the last with bars have none."""
    from qe_plugins.market.sessions import sessions

    end = min([shown.end, *days[-1:]])
    known = {one.date for one in sessions(shown.root, shown.start, end)}
    return len(known - set(days))


def _print_rolls(shown: RollCalendar) -> None:
    by = shown.rule.replace("_", " ")
    echo(f"{shown.root} by {by}, {shown.start} to {shown.end}: {shown.first} first")
    rows = [
        (
            roll.date,
            roll.before,
            roll.after,
            roll.prices.before if roll.prices else None,
            roll.prices.after if roll.prices else None,
            roll.prices.after - roll.prices.before if roll.prices else None,
            roll.prices.at if roll.prices else "",
            roll.reason,
        )
        for roll in shown.rolls
    ]
    if not rows:
        echo("no roll in these days")
        return
    head = ("session", "from", "to", "price", "price to", "step", "prices at", "reason")
    print_rows(head, rows)
