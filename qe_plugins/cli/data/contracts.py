"""`qe data contracts`: tick, multiplier and dates of contracts, from their definitions."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qe_plugins.cli.data.symbols import DBN, places
from qe_plugins.cli.output import echo, json_option, print_json, print_rows

if TYPE_CHECKING:
    from qe_plugins.data.dbn.definitions import Defined
    from qe_plugins.market.definitions import ContractDefinition

HEAD = ("contract", "feed", "tick", "multiplier", "tick value", "expiry UTC")


@click.command()
@click.argument("roots", nargs=-1)
@DBN
@json_option
def contracts(roots: tuple[str, ...], dbn: tuple[Path, ...], as_json: bool) -> None:
    """Show tick, multiplier and expiry of contracts.

    They are read from definitions and checked against configs/markets.yaml. A contract whose
    definition differs is refused, with both figures. A damaged file is reported, and the contracts
    of the others are shown. Exits with 2 for either.
    """
    from msgspec.structs import asdict

    from qe_plugins.data.dbn.definitions import definition_files, read_definitions, refuse_wrong
    from qe_plugins.errors import DataError

    damaged: list[DataError] = []
    defined = read_definitions(definition_files(places(dbn), damaged), roots, damaged)
    if not (defined.contracts or defined.refused or damaged):
        raise DataError(
            "no definitions of these roots.",
            where=" ".join(roots),
            hint="Roots are written as ES or NQ; without any, all are shown.",
        )
    if as_json:
        listed = [asdict(one) | _rule_dates(one) for one in defined.contracts]
        wrong = [f"{one.message} {one.hint}" for one in damaged]
        print_json({"contracts": listed, "refused": defined.refused, "damaged": wrong})
    else:
        _print_contracts(defined)
        for one in damaged:
            echo(f"WRONG: {one.message} {one.hint}")
    refuse_wrong(defined.refused, "definitions")
    if damaged:
        files = "1 file is" if len(damaged) == 1 else f"{len(damaged)} files are"
        raise DataError(
            f"{files} damaged and left out, first: {damaged[0].message}", hint=damaged[0].hint
        )


def _rule_dates(contract: ContractDefinition) -> dict[str, date | None]:
    """Return last trade and first notice by rule; None for roots without rules."""
    from qe_plugins.market.expiry import first_notice, last_trade
    from qe_plugins.market.specs import markets

    if contract.kind != "future" or contract.root not in markets().roots:
        return {"last_trade": None, "first_notice": None}
    return {"last_trade": last_trade(contract.key), "first_notice": first_notice(contract.key)}


def _print_contracts(defined: Defined) -> None:
    futures = [one for one in defined.contracts if one.kind == "future"]
    if futures:
        head = (*HEAD, "first notice", "last trade by rule", "sent")
        print_rows(head, [_contract_row(one) for one in futures])
    others: dict[tuple[str, str], list[ContractDefinition]] = {}
    for one in defined.contracts:
        if one.kind != "future":
            others.setdefault((one.root, one.kind), []).append(one)
    for (root, kind), listed in others.items():
        echo(f"{root}: {len(listed):,} {kind}s, {'; '.join(_tick_texts(listed))}")
    for root in dict.fromkeys(one.root for one in futures):
        _print_terms(root)


def _contract_row(one: ContractDefinition) -> tuple[object, ...]:
    notice = str(_rule_dates(one)["first_notice"] or "-")
    terms = (one.tick, one.multiplier, _tick_value(one))
    return (one.id, one.raw, *terms, one.expiry, notice, _by_rule(one), one.definitions)


def _by_rule(contract: ContractDefinition) -> str:
    """Return "as expiry", or the last trading day by rule if it differs."""
    last = _rule_dates(contract)["last_trade"]
    if last is None:
        return "no rule"
    return "as expiry" if last == contract.expiry.date() else f"{last}"


def _print_terms(root: str) -> None:
    from qe_plugins.market.specs import fees, margins, markets

    terms = markets().roots.get(root)
    if terms is None:
        echo(f"{root}: not in configs/markets.yaml, so not checked")
        return
    today = datetime.now(UTC).date()
    fee, margin = fees(root, today), margins(root, today)
    echo(
        f"{root}: {terms.name}, {terms.exchange}, months {terms.months}; "
        f"a side costs {fee.total} {terms.currency} (from {fee.since}), "
        f"margin {margin.initial:,} initial, {margin.maintenance:,} maintenance "
        f"(from {margin.since})"
    )


def _tick_value(contract: ContractDefinition) -> object:
    if contract.tick is None or contract.multiplier is None:
        return None
    return f"{contract.tick * contract.multiplier:f}".rstrip("0").rstrip(".")


def _tick_texts(listed: list[ContractDefinition]) -> list[str]:
    """Return each distinct tick and multiplier of contracts as text."""
    distinct = dict.fromkeys((o.tick, o.tick_limit, o.tick_above, o.multiplier) for o in listed)
    return [
        f"tick {tick if tick is not None else 'not stated'}"
        + (f" up to {limit}, then {above}" if limit is not None else "")
        + (f", multiplier {multiplier}" if multiplier is not None else "")
        for tick, limit, above, multiplier in distinct
    ]
