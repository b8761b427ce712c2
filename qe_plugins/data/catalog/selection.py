"""Select what a run uses of a catalog: contracts by id, one bar specification, a time window."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from qe_plugins.config.schema import DataSettings
from qe_plugins.data.catalog.catalog import CatalogSeries, RecordKind, refusal
from qe_plugins.errors import DataError, did_you_mean
from qe_plugins.market.contract_key import DATED

CONTINUOUS = re.compile(r"[A-Z0-9]{1,3}(\.[a-zA-Z]\.?\d{1,2}(\..+)?|\d!|=F)")


def unknown(text: str, known: list[str], place: str) -> DataError:
    """Return the error for an unknown id, with the id to write; `known` are the ids in the data."""
    example = known[0]
    if CONTINUOUS.fullmatch(text):
        return DataError(
            f"'{text}' is a continuous series, which feeds signals and is not traded.",
            where=place,
            hint=f"Write a dated contract such as '{example}'.",
        )
    bare = text.split(".")[0]
    if DATED.fullmatch(bare):
        return _unknown_contract(text, bare, known, place)
    roots = [one for one in known if DATED.sub(r"\g<root>", one.split(".")[0]) == bare]
    if roots:
        return DataError(
            f"'{text}' is a root, which names no contract.",
            where=place,
            hint=f"Write {' or '.join(repr(one) for one in roots[:3])}.",
        )
    hint = did_you_mean(text.upper(), known) or _known_ids(known)
    return DataError(f"the data has no contract '{text}'.", where=place, hint=hint)


def _unknown_contract(text: str, bare: str, known: list[str], place: str) -> DataError:
    same = [one for one in known if _one_digit(one) == _one_digit(bare)]
    exact = [one for one in known if one.split(".")[0] == bare]
    if exact:
        return DataError(f"'{text}' is not the whole id.", where=place, hint=f"Write '{exact[0]}'.")
    if same and len(bare) < len(same[0].split(".")[0]):
        return DataError(
            f"'{text}' has one year digit, which comes back every ten years.",
            where=place,
            hint=f"Write {' or '.join(repr(one) for one in same)}.",
        )
    hint = did_you_mean(text, known)
    return DataError(
        f"the data has no contract '{text}'.",
        where=place,
        hint=f"{hint} {_known_ids(known)}" if hint else _known_ids(known),
    )


def _one_digit(text: str) -> str:
    found = DATED.fullmatch(text.split(".")[0])
    return f"{found['root']}{found['month']}{found['year'][-1]}" if found else text


def _known_ids(known: list[str]) -> str:
    return f"It has {', '.join(known[:8])}{' and more' if len(known) > 8 else ''}."


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FAR = 2**63 - 1  # the engine's last nanosecond, in 2262
type Where = Callable[[str], str]


def nanoseconds(moment: datetime) -> int:
    """Return UTC nanoseconds of a time; one without a zone is read as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(microseconds=1) * 1_000


def of_roots(wanted: Sequence[str], roots: Mapping[str, str], where: Where) -> set[str]:
    """Return the ids whose root is wanted, or all; `roots` has the root of each id.

    Raises DataError for a root that the data does not have.
    """
    for root in wanted:
        if root not in roots.values():
            known = sorted(set(roots.values()))
            hint = did_you_mean(root, known) or f"It has {', '.join(known)}."
            raise DataError(f"the data has no bars of {root}.", where=where("roots"), hint=hint)
    return {name for name, root in roots.items() if not wanted or root in wanted}


def refuse_refused(
    data: DataSettings, refused: Mapping[str, str], roots: Mapping[str, str], where: Where
) -> None:
    """Raise DataError where a wanted contract was left out because of its definition.

    `refused` has the reason by name, `ZNH24`; `roots` has the root of each id in the data.
    """
    for text in data.instruments:
        if (name := text.partition(".")[0]) in refused:
            raise refusal([refused[name]], where("instruments"))
    for root in data.roots:
        reasons = [why for name, why in refused.items() if name.startswith(root)]
        if root not in roots.values() and reasons:
            raise refusal(reasons, where("roots"))


def chosen_contracts(wanted: Sequence[str], known: Collection[str], where: Where) -> set[str]:
    """Return the ids to trade: the wanted ones, or all. Raises DataError for an unknown id."""
    for text in wanted:
        if text not in known:
            raise unknown(text, sorted(known), where("instruments"))
    return set(wanted or known)


def chosen_series(
    found: Iterable[CatalogSeries], data: DataSettings, contracts: set[str], where: Where
) -> list[CatalogSeries]:
    """Return the series of a run, in id order. Raises DataError for series that are missing."""
    of_contracts = [one for one in found if one.contract in contracts and one.groups]
    chosen = [one for one in of_contracts if one.kind is RecordKind.BARS and one.spec == data.bars]
    extra = [
        kind
        for kind, on in ((RecordKind.QUOTES, data.quotes), (RecordKind.TRADES, data.trades))
        if on
    ]
    if not chosen:
        specs = {one.spec for one in of_contracts if one.kind is RecordKind.BARS}
        refuse_absent_bars(specs, data, where)
    for kind in extra:
        ticks = [one for one in of_contracts if one.kind is kind]
        if not ticks:
            raise DataError(
                f"the data has no {kind.value}.",
                where=where(kind.value),
                hint=f"Set '{kind.value}: false' or add them to the data.",
            )
        chosen += ticks
    order = list(RecordKind)
    return sorted(chosen, key=lambda one: (one.contract, order.index(one.kind)))


def refuse_absent_bars(known: Collection[str], data: DataSettings, where: Where) -> None:
    """Raise DataError where only other bars exist, or neither quotes nor trades are requested."""
    if known:
        raise DataError(
            f"the data has no {data.bars} bars.",
            where=where("bars"),
            hint=f"It has {', '.join(sorted(known))}.",
        )
    if not (data.quotes or data.trades):
        raise DataError(
            "the data has no bars.",
            where=where("bars"),
            hint="Add a file of bars (ohlcv-1m), or set 'quotes: true' or 'trades: true'.",
        )


def window(series: Sequence[CatalogSeries], data: DataSettings, where: Where) -> tuple[int, int]:
    """Return the bounds of the run (UTC ns), end exclusive. Raises DataError outside the data."""
    start = 0 if data.start is None else nanoseconds(data.start)
    end = FAR if data.end is None else nanoseconds(data.end)
    first = min(group.first for one in series for group in one.groups)
    last = max(group.last for one in series for group in one.groups)
    has = f"The data has {written(first)} to {written(last)}."
    if last < start:
        raise DataError(f"the data ends before {written(start)}.", where=where("start"), hint=has)
    if first >= end:
        raise DataError(f"the data begins after {written(end)}.", where=where("end"), hint=has)
    return start, end


def nothing_between(start: int, end: int, where: Where) -> DataError:
    """Return the error for a window that lies in a gap of the data."""
    return DataError(
        f"the data has no record from {written(start)} to {written(end)}.",
        where=where("start"),
        hint="Widen 'start' and 'end': a session, a weekend or a holiday may lie between.",
    )


def written(nanosecond: int) -> str:
    """Return a time as it is written in YAML, to the second: `2013-10-06T22:01:00Z`."""
    moment = EPOCH + timedelta(seconds=nanosecond // 1_000_000_000)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
