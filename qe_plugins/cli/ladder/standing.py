"""`qe ladder status`, `criteria` and `history`: where strategies stand, and how they came there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qe_plugins.cli.output import echo, json_option, print_json, print_rows

if TYPE_CHECKING:
    from qe_plugins.ladder.panel import LadderRow

NONE_YET = "No strategy is on a ladder yet: `qe ladder propose FILE` proposes the first rung."


@click.command()
@click.argument("name", required=False)
@json_option
def status(name: str | None, as_json: bool) -> None:
    """Show each strategy's rung, evidence, what is missing, and how far it is from a demotion.

    NAME is a strategy's name on its ladder, or the file of its configuration. Demotions that the
    journal calls for are executed first.
    """
    from qe_plugins.ladder.panel import as_json as plain
    from qe_plugins.ladder.panel import demotion_line

    rows = _rows(name)
    if as_json:
        print_json({"strategies": plain(rows)})
        return
    if not rows:
        echo(NONE_YET)
    for row in rows:
        print_status(row, demotion_line(row))


def print_status(row: LadderRow, demotion: str) -> None:
    """Print where one strategy stands."""
    echo(f"{row.name}: {row.rung}, {row.state}")
    if row.error:
        echo(f"  {row.error}")
        return
    lines: list[tuple[str, str]] = [("version", row.version[:12] or "none yet")]
    if row.proposal:
        lines.append(("proposal", f"{row.proposal}, `qe ladder confirm` puts it on {row.above}"))
    edge = "no live trade yet"
    if row.edge is not None and row.sequence is not None:
        low, high = row.sequence.low, row.sequence.high
        edge = f"{row.edge:+.2f}R a trade, {low:+.2f} to {high:+.2f} with {row.sequence.level:.0%}"
    lines += [("live trades", f"{row.trades:,}"), ("edge", edge)]
    lines.append(("claim", f"{row.claim:+.2f}R a trade"))
    if row.needed is not None:
        starts = f" ({row.starts} starts)" if row.starts > 1 else ""
        lines.append(("evidence", f"{row.evidence:.3g} of {row.needed:g}{starts}"))
    lines.append(("parity", f"{row.streak} clean sessions in a row"))
    if row.above:
        to = f"missing for {row.above}"
        lines += [(to if not at else "", text) for at, text in enumerate(row.missing or ["none"])]
    if row.trades_to_go is not None and row.years_to_go is not None:
        when = f"{row.trades_to_go:,} trades, {_calendar(row.years_to_go)}"
        lines.append((f"to {row.above}", f"{when}, if the claim is true (median)"))
    lines.append(("demotion", demotion))
    width = max(len(label) for label, _ in lines)
    for label, text in lines:
        echo(f"  {label.ljust(width)}  {text}")


@click.command()
@click.argument("name", required=False)
@json_option
def criteria(name: str | None, as_json: bool) -> None:
    """List what the next rung needs, and what is there. NAME as for `status`."""
    from qe_plugins.ladder.panel import as_json as plain

    rows = _rows(name)
    if as_json:
        print_json(
            [
                {"name": row["name"], "above": row["above"], "criteria": row["criteria"]}
                for row in plain(rows)
            ]
        )
        return
    if not rows:
        echo(NONE_YET)
    for row in rows:
        echo(f"{row.name}: {row.rung} -> {row.above or 'none above'}")
        if row.error:
            echo(f"  {row.error}")
            continue
        cells = [
            (one.name, one.needed, one.found, "met" if one.met else "missing")
            for one in row.criteria
        ]
        print_rows(("criterion", "needed", "found", ""), cells)


@click.command()
@click.argument("name", required=False)
@json_option
def history(name: str | None, as_json: bool) -> None:
    """List every change of a strategy's rung with its cause, oldest first. NAME as for `status`."""
    import msgspec

    from qe_plugins.journal.store import Journal
    from qe_plugins.ladder.state import histories

    with Journal.open() as journal:
        known = histories(journal)
    wanted = _name_of(name, list(known))
    every = [
        one for strategy, changes in known.items() for one in changes if wanted in (None, strategy)
    ]
    every.sort(key=lambda one: one.id)
    if as_json:
        print_json(msgspec.to_builtins(every))
        return
    if not every:
        echo(NONE_YET)
        return
    rows: list[Sequence[object]] = []
    for one in every:
        made = one.transition
        step = made.after if made.before == made.after else f"{made.before} -> {made.after}"
        rows.append((one.at, made.strategy, str(made.event), step, made.by, made.because))
    print_rows(("at (UTC)", "strategy", "", "rung", "by", "because"), rows)


def _name_of(name: str | None, known: Sequence[str]) -> str | None:
    """Return the strategy that a file, a name or a unique prefix of one names; None for all.

    `known` are the strategies on a ladder. Raises JournalError for a name that is of none of them.
    """
    if name is None:
        return None
    if Path(name).is_file():
        from qe_plugins.ladder.on_ladder import configured

        return configured(name)[2]
    from qe_plugins.journal.lookup import resolve_prefix

    return resolve_prefix(name, known, what="strategy")


def _rows(name: str | None) -> list[LadderRow]:
    """Return the rows of a name, of a configuration's file, or of all; demotions come first."""
    from qe_plugins.errors import QeError
    from qe_plugins.journal.store import Journal
    from qe_plugins.ladder.demotions import settle
    from qe_plugins.ladder.on_ladder import claim_in, configured, read
    from qe_plugins.ladder.panel import ladder_panel, row_of
    from qe_plugins.ladder.rungs import load_ladder
    from qe_plugins.ladder.state import histories

    with Journal.open() as journal:
        if name is not None and Path(name).is_file():
            loaded, rules, strategy = configured(name)
            settle(journal, rules, strategy)
            return [row_of(read(journal, rules, strategy, claim_in(journal, loaded, rules)))]
        known = histories(journal)
        wanted = _name_of(name, list(known))
        for strategy, changes in known.items():
            try:
                settle(journal, load_ladder(changes[-1].transition.ladder), strategy)
            except QeError:
                continue  # the row below says what is wrong
        return ladder_panel(journal, wanted)


def _calendar(years: float) -> str:
    return f"{years:.1f} years" if years >= 1 else f"{max(years * 12, 1):.0f} months"
