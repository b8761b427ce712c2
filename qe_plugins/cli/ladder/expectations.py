"""`qe ladder simulate` and `plan`: what a ladder does to edges, and how long a claim takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qe_plugins.cli.output import (
    echo,
    file_argument,
    json_option,
    print_json,
    print_rows,
    set_option,
)
from qe_plugins.cli.progress import working

if TYPE_CHECKING:
    from qe_plugins.ladder.tables import EdgeRow, Tables

DEFAULT = Path("configs") / "ladder" / "mes_to_es.yaml"


@click.command()
@file_argument
@click.option("--claim", default=0.2, show_default=True, help="The claimed edge in R a trade.")
@click.option(
    "--paths",
    default=2_000,
    show_default=True,
    type=click.IntRange(10, 100_000),
    help="Strategies of each row.",
)
@click.option(
    "--trades",
    default=2_000,
    show_default=True,
    type=click.IntRange(50, 20_000),
    help="Trades of each.",
)
@click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(0), help="Of the generator."
)
@json_option
def simulate(file: Path, claim: float, paths: int, trades: int, seed: int, as_json: bool) -> None:
    """Simulate FILE's ladder on strategies whose true edge is known.

    Brackets with a stop at 1 R and a target at 2 R, costs of 1 MES. Prints who reaches which rung,
    what a demotion costs and finds, and how often rules fire on no edge at all.
    """
    from qe_plugins.errors import LadderError
    from qe_plugins.ladder.rungs import load_ladder
    from qe_plugins.ladder.tables import tables_of

    if claim <= 0:
        raise LadderError(f"the claim must be above 0 R, was {claim}.", where="--claim")
    ladder = load_ladder(file)
    with working(f"simulating {paths:,} strategies a row"):
        found = tables_of(ladder.rules, claim=claim, paths=paths, trades=trades, seed=seed)
    if as_json:
        print_json(found)
        return
    _print(found)


def _print(found: Tables) -> None:
    echo(
        f"{found.paths:,} strategies a row, {found.trades:,} trades each, seed {found.seed}; "
        f"bracket -1R/+2R, MES costs; claim {found.claim:.2f}R, drawdown limit {found.limit:.1f}R"
    )
    echo()
    echo("The ladder: half bets the claim, half a plug-in; drawdown and decay demote.")
    _print_edges(found, found.ladder)
    none = ", ".join(
        f"{rung} {share:.1%}"
        for rung, share in zip(found.rungs, found.false_promotions, strict=True)
    )
    echo(f"No edge ever reaches: {none} (with restarts)")
    echo()
    echo("The same with plug-in bets alone, demoted by drawdown alone.")
    _print_edges(found, found.plug_in)
    echo()
    echo("Demotion: who falls, and how soon (trades).")
    print_rows(
        ("rule", f"{found.claim:.2f}R falls in 500", "-0.10R median", "90%", "no edge median"),
        [
            (one.rule, f"{one.false:.0%}", one.losing_median, one.losing_most, one.nothing_median)
            for one in found.decay
        ],
    )
    echo()
    echo("An edge of 0.25R that dies to -0.10R at trade 900.")
    print_rows(
        ("demoted by", "mean P&L", f"still at {found.rungs[-1]}"),
        [(one.rule, _dollars(one.pnl), f"{one.on_top:.1%}") for one in found.dying],
    )
    echo()
    echo("No edge, read after every one of 500 trades: how often a rule fires.")
    print_rows(
        ("rule", "fires"),
        [
            ("t > 1.645, ever after 20 trades", f"{found.peeking.t_after_20:.0%}"),
            ("t > 1, ever after 60 trades", f"{found.peeking.t_after_60:.0%}"),
            ("evidence >= 20, ever", f"{found.peeking.evidence_20:.1%}"),
        ],
    )


def _print_edges(found: Tables, rows: Sequence[EdgeRow]) -> None:
    top = found.rungs[-1]
    print_rows(
        (
            "true edge",
            *found.rungs,
            f"trade of {top}",
            "mean P&L",
            "worst drawdown",
            f"30 positive: {top}",
            "worst drawdown",
        ),
        [
            (
                f"{one.edge:+.2f}R",
                *(f"{share:.3f}" for share in one.reached),
                one.top_trade,
                _dollars(one.pnl),
                _dollars(one.drawdown),
                f"{one.usual_reached[-1]:.2f}",
                _dollars(one.usual_drawdown),
            )
            for one in rows
        ],
    )


@click.command()
@file_argument
@click.option(
    "--ladder",
    "ladder_file",
    type=click.Path(path_type=Path),
    help="The ladder.  [default: FILE's own, else configs/ladder/mes_to_es.yaml]",
)
@set_option
@json_option
def plan(file: Path, ladder_file: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Say how many trades, and how long, each rung would take FILE's strategy.

    FILE is a run's configuration, which is run as a backtest, or a file with a `claim:`. What
    was measured is shrunk as the ladder says; the table is for that edge, as if it were true.
    """
    from qe_plugins.config.loader import load, read_tree
    from qe_plugins.journal.store import Journal
    from qe_plugins.ladder.backtest_outcomes import backtest_outcomes
    from qe_plugins.ladder.claims import filed_claim
    from qe_plugins.ladder.plan import plan_of, plan_of_claim
    from qe_plugins.ladder.rungs import load_ladder

    _, tree = read_tree(file)
    if tree.find(("claim",)) is not None and tree.find(("strategies",)) is None:
        rules = load_ladder(ladder_file or DEFAULT).rules
        with Journal.open() as journal:
            claim = filed_claim(journal, rules, str(file))
        found = plan_of_claim(rules, file.stem, claim)
    else:
        loaded = load(file, overrides)
        own = loaded.config.ladder
        rules = load_ladder(ladder_file or (own.file if own else DEFAULT)).rules
        with working(f"running {loaded.config.name}"):
            outcomes, a_day = backtest_outcomes(loaded, rules)
        found = plan_of(rules, loaded.config.name, outcomes, a_day)
    if as_json:
        print_json(found)
        return
    echo(found.sentence)
    if not found.steps:
        return
    measured = f"measured {found.edge:+.3f}R over {found.count:,} trades, " if found.count else ""
    believed = found.claim
    echo(
        f"{measured}believed {believed.edge:+.3f}R a trade, sd {believed.sd:.2f}R, "
        f"{believed.a_day:.1f} trades a day"
    )
    print_rows(
        ("rung", "evidence", "reached in 5,000 trades", "median trade", "calendar"),
        [
            (
                one.rung,
                "book" if one.evidence is None else f"{one.evidence:g}",
                f"{one.reached:.0%}",
                one.trades,
                _calendar(one.years),
            )
            for one in found.steps
        ],
    )


def _calendar(years: float | None) -> str:
    if years is None:
        return "-"
    if years == 0:
        return "at once"
    return f"{years:.1f} years" if years >= 1 else f"{max(years * 12, 1):.0f} months"


def _dollars(amount: float) -> str:
    return f"{'-' if amount < 0 else ''}${abs(amount):,.0f}"
