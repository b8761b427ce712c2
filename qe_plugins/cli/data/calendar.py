"""`qe data calendar`: trading sessions of a root."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING

import click

from qe_plugins.cli.output import DateParam, echo, json_option, print_json, print_rows

if TYPE_CHECKING:
    from qe_plugins.market.sessions import Session


@click.command()
@click.argument("root", required=False)
@click.argument("day", type=DateParam(), required=False)
@click.option("--end", type=DateParam(), help="Show every session up to this date.")
@click.option("--doubtful", is_flag=True, help="List the special days without a source.")
@json_option
def calendar(
    root: str | None, day: date | None, end: date | None, doubtful: bool, as_json: bool
) -> None:
    """Show when ROOT trades in the session of DAY.

    Times are in Chicago and in UTC.
    """
    from qe_plugins.market.sessions import session_on, sessions

    if doubtful:
        _print_doubtful(root, as_json)
        return
    if root is None or day is None:
        raise click.UsageError("ROOT and DAY are needed, or --doubtful.")
    if end is None:
        listed = [session_on(root, day)]
    elif end < day:
        raise click.BadParameter(f"must not be before {day}, was {end}", param_hint="--end")
    else:
        listed = list(sessions(root, day, end))
    if as_json:
        documents = [_session_document(root, day, one) for one in listed]
        print_json(documents if end else documents[0])
    elif end is None:
        _print_session(root, day, listed[0])
    else:
        _print_sessions([one for one in listed if one is not None])


def _print_doubtful(root: str | None, as_json: bool) -> None:
    """Print the special days marked `doubtful` in `configs/markets.yaml`."""
    from qe_plugins.market.specs import market, markets

    wanted = market(root).sessions if root else None
    rows = [
        {
            "roots": [n for n, one in markets().roots.items() if one.sessions == name],
            "date": on,
            "hours": "closed" if special.closed else _special_hours(special.open, special.close),
            "reason": special.reason,
            "source": special.source,
        }
        for name, family in markets().sessions.items()
        if wanted in (None, name)
        for on, special in family.days.items()
        if special.doubtful
    ]
    if as_json:
        print_json(rows)
        return
    shown = [(", ".join(one["roots"]), *list(one.values())[1:]) for one in rows]
    print_rows(("roots", "session", "Chicago", "reason", "source"), shown)


def _special_hours(opens: str | None, closes: str | None) -> str:
    parts = [f"opens {opens}" if opens else "", f"closes {closes}" if closes else ""]
    return ", ".join(filter(None, parts))


def _session_document(root: str, day: date, session: Session | None) -> dict[str, object]:
    opens = _in_both_zones(_next_open(root, session.date if session else day, session))
    if session is None:
        return {"root": root, "date": day, "trades": False, "next_open": opens}
    return {
        "root": root,
        "date": session.date,
        "trades": True,
        "open": _in_both_zones(session.open),
        "close": _in_both_zones(session.close),
        "breaks": [
            {"start": _in_both_zones(b.start), "end": _in_both_zones(b.end)} for b in session.breaks
        ],
        "early_close": session.early,
        "reason": session.reason,
        "next_open": opens,
    }


def _next_open(root: str, day: date, session: Session | None) -> datetime:
    from qe_plugins.market.exchange_zone import CHICAGO
    from qe_plugins.market.sessions import next_session

    noon = datetime.combine(day, time(12), CHICAGO)
    return next_session(root, session.close if session else noon).open


def _in_both_zones(moment: datetime) -> dict[str, str]:
    from qe_plugins.market.exchange_zone import CHICAGO

    chicago = moment.astimezone(CHICAGO)
    return {"chicago": chicago.isoformat(), "utc": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}


def _print_session(root: str, day: date, session: Session | None) -> None:
    if session is None:
        echo(f"{root} does not trade on {day:%A} {day}")
        print_rows(("", "Chicago", "UTC"), [_moment_row("opens next", _next_open(root, day, None))])
        return
    early = f", early close: {session.reason}" if session.early else ""
    echo(f"{root} session of {day:%A} {day}{early}")
    rows = [_moment_row("opens", session.open)]
    for halt in session.breaks:
        rows += [_moment_row("halts", halt.start), _moment_row("resumes", halt.end)]
    rows.append(_moment_row("closes", session.close))
    rows.append(_moment_row("opens again", _next_open(root, day, session)))
    print_rows(("", "Chicago", "UTC"), rows)


def _moment_row(what: str, moment: datetime) -> tuple[str, str, str]:
    from qe_plugins.market.exchange_zone import CHICAGO

    return what, f"{moment.astimezone(CHICAGO):%a %Y-%m-%d %H:%M}", f"{moment:%a %Y-%m-%d %H:%M}"


def _print_sessions(listed: list[Session]) -> None:
    from qe_plugins.market.exchange_zone import CHICAGO

    def chicago(moment: datetime) -> str:
        return f"{moment.astimezone(CHICAGO):%a %H:%M}"

    rows = [
        (
            one.date,
            chicago(one.open),
            ", ".join(f"{chicago(b.start)}-{chicago(b.end)[4:]}" for b in one.breaks),
            chicago(one.close),
            f"{one.open:%a %H:%M}",
            f"{one.close:%a %H:%M}",
            one.reason or "",
        )
        for one in listed
    ]
    head = ("session", "opens", "halts", "closes", "opens UTC", "closes UTC", "early close")
    print_rows(head, rows)
