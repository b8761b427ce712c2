"""Read contracts (futures, spreads, options) from Databento definition files, each once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import databento_dbn
import msgspec
import zstandard
from msgspec.structs import replace

from qe_plugins.data.dbn.definition_values import Message, decimal, multipliers, ticks
from qe_plugins.data.dbn.files import read_header
from qe_plugins.data.dbn.record_checks import check_records
from qe_plugins.data.symbology.dataset import refuse_others
from qe_plugins.data.symbology.symbols import instrument_id
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import ContractKey, dated_key
from qe_plugins.market.definitions import (
    ContractDefinition,
    ContractKind,
    DefinitionRefusal,
    disagreements,
)

BLOCK = 1 << 20
NO_TIME = 2**64 - 1
KINDS = {
    "F": ContractKind.FUTURE,
    "C": ContractKind.OPTION,
    "P": ContractKind.OPTION,
}  # all else is a spread

STATED = (  # the fields that define a contract
    "raw_symbol",
    "maturity_year",
    "maturity_month",
    "activation",
    "expiration",
    "exchange",
    "currency",
    "main_fraction",
    "min_price_increment",
    "min_price_increment_amount",
    "display_factor",
    "unit_of_measure_qty",
    "tick_rule",
)


class Defined(msgspec.Struct, frozen=True):
    """Contracts of definition files, sorted by root and expiry, and refused ones with reasons."""

    contracts: list[ContractDefinition]
    refused: list[DefinitionRefusal]


def definition_files(places: Iterable[Path], damaged: list[DataError] | None = None) -> list[Path]:
    """Return the definition files in folders, and the files named.

    A file that cannot be read is left out and its error added to `damaged`, where that is given.
    Raises DataError for no file at all, and for definitions of another dataset than CME's.
    """
    found: list[Path] = []
    places = list(places)
    for place in places:
        if not place.exists():
            raise DataError("there is no such file or folder.", where=str(place))
        for file in [place] if place.is_file() else sorted(place.rglob("*.dbn.zst")):
            header = None
            with _collected(damaged):
                header = read_header(file, "data")
            if header is not None and header.schema == "definition":
                refuse_others(header.dataset, str(file))
                found.append(file)
    if not found and not damaged:
        raise DataError(
            "no definitions (.dbn.zst of schema 'definition').",
            where=", ".join(map(str, places)),
            hint="Buy them with the bars, or name a folder with --dbn.",
        )
    return found


def read_definitions(
    files: Iterable[Path], roots: Iterable[str] = (), damaged: list[DataError] | None = None
) -> Defined:
    """Return the contracts that files define, of all roots or of some, each once.

    Of several definitions the one sent last counts. A damaged file is left out and its error added
    to `damaged`, if given. Raises DataError for any other file that is cut short or not DBN, and
    for two definitions sent at the same time that differ.
    """
    wanted = frozenset(roots)
    known: dict[tuple[str, int, int], ContractDefinition] = {}
    counted: Counter[tuple[str, int, int]] = Counter()
    latest: dict[tuple[str, int, int], Message] = {}
    for message, times in _distinct_definitions(files, damaged):
        contract = _contract_definition(message)
        if wanted and contract.root not in wanted:
            continue
        identity = (contract.raw, contract.year, contract.month)
        counted[identity] += times
        if identity not in latest or _sent_order(message) >= _sent_order(latest[identity]):
            _refuse_ambiguous(message, latest.get(identity))
            latest[identity], known[identity] = message, contract
    refused = {
        str(one): one
        for identity, contract in known.items()
        for one in disagreements(contract, multipliers(latest[identity]))
    }
    names = {refusal.name for refusal in refused.values()}
    accepted = [
        replace(one, definitions=counted[identity])
        for identity, one in known.items()
        if one.name not in names
    ]
    return Defined(sorted(accepted, key=_sort_key), sorted(refused.values(), key=str))


def refuse_wrong(refused: list[DefinitionRefusal], where: str) -> None:
    """Raise DataError, with both figures of the first, where definitions were refused."""
    if not refused:
        return
    more = f", and {len(refused) - 1} more" if len(refused) > 1 else ""
    raise DataError(
        f"refused: {refused[0]}{more}.",
        where=where,
        hint="Profits would be wrong: get the definitions again, or correct terms that changed.",
    )


def _sort_key(contract: ContractDefinition) -> tuple[str, int, datetime, str]:
    return contract.root, list(ContractKind).index(contract.kind), contract.expiry, contract.raw


def _distinct_definitions(
    files: Iterable[Path], damaged: list[DataError] | None
) -> Iterable[tuple[Message, int]]:
    """Return each distinct definition, as last sent, and how often it was sent."""
    last: dict[tuple[object, ...], Message] = {}
    times: Counter[tuple[object, ...]] = Counter()
    for file in files:
        with _collected(damaged):
            mine, counted = _read_file(file)
            for stated, message in mine.items():
                if stated not in last or _sent_order(message) > _sent_order(last[stated]):
                    last[stated] = message
            times += counted
    return ((message, times[stated]) for stated, message in last.items())


def _read_file(file: Path) -> tuple[dict[tuple[object, ...], Message], Counter[tuple[object, ...]]]:
    """Return the distinct definitions of a file, as last sent, and how often each was sent.

    Raises DataError where the file is cut short, not DBN, or has an invalid definition.
    """
    last: dict[tuple[object, ...], Message] = {}
    times: Counter[tuple[object, ...]] = Counter()
    check_records(file, "data")
    try:
        for message in _read_messages(file):
            stated = tuple(getattr(message, field) for field in STATED)
            if stated not in last or _sent_order(message) > _sent_order(last[stated]):
                last[stated] = message
            times[stated] += 1
        for message in last.values():
            _contract_definition(message)
    except (databento_dbn.DBNError, ValueError, ArithmeticError) as error:
        raise DataError(
            f"{file} cannot be decoded: {error}.", where="data", hint="Download the file again."
        ) from error
    return last, times


@contextmanager
def _collected(damaged: list[DataError] | None) -> Iterator[None]:
    """Add the DataError of a damaged file to `damaged` if given, else let it propagate."""
    try:
        yield
    except DataError as error:
        if damaged is None:
            raise
        damaged.append(error)


def _sent_order(message: Message) -> tuple[int, int, int]:
    """Return the order of a definition in time: received, sent, activation (UTC ns)."""
    received = message.ts_recv if message.ts_recv not in (0, NO_TIME) else message.ts_event
    activation = message.activation if message.activation != NO_TIME else 0
    return received, message.ts_event, activation


def _refuse_ambiguous(message: Message, before: Message | None) -> None:
    """Raise DataError where two definitions of one contract, sent at the same time, differ."""
    if before is None or _sent_order(message) != _sent_order(before):
        return
    field = next(one for one in STATED if getattr(message, one) != getattr(before, one))
    raise DataError(
        f"two definitions of {message.raw_symbol}, sent at the same time, differ in '{field}': "
        f"{getattr(before, field)} and {getattr(message, field)}.",
        where="data",
        hint="Leave one of the two files out.",
    )


def _read_messages(file: Path) -> Iterator[Message]:
    decoder = databento_dbn.DBNDecoder()
    with file.open("rb") as raw:
        reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        while block := reader.read(BLOCK):
            decoder.write(block)
            for record in decoder.decode():
                if isinstance(record, databento_dbn.InstrumentDefMsg):
                    yield record


def _contract_definition(message: Message) -> ContractDefinition:
    kind = KINDS.get(str(message.instrument_class), ContractKind.SPREAD)
    key = _contract_key(message, kind)
    tick, limit, above = ticks(message)
    found_multipliers = multipliers(message) if kind is not ContractKind.SPREAD else []
    return ContractDefinition(
        id=instrument_id(key, message.exchange) if kind is ContractKind.FUTURE else None,
        raw=message.raw_symbol,
        root=key.root,
        kind=kind,
        year=key.year,
        month=key.month,
        exchange=message.exchange,
        currency=message.currency,
        tick=tick,
        tick_limit=limit,
        tick_above=above,
        multiplier=found_multipliers[-1] if found_multipliers else None,
        activation=_utc_time(message.activation) if message.activation != NO_TIME else None,
        expiry=_utc_time(message.expiration),
        underlying=message.underlying or None,
        strike=decimal(message.strike_price) if kind is ContractKind.OPTION else None,
        cfi=message.cfi,
        sent=_sent_order(message)[0],
    )


def _contract_key(message: Message, kind: ContractKind) -> ContractKey:
    """Return root, year and month; an option has the root of its underlying future.

    A future's month is that of its name; its year is the one with the name's digit nearest to its
    expiry.
    """
    expiry = _utc_time(message.expiration).date()
    if kind is ContractKind.FUTURE and (
        named := dated_key(message.raw_symbol, date(expiry.year - 4, 1, 1))
    ):
        return named
    seen = _utc_time(message.ts_event).date()
    named = dated_key(
        message.underlying if kind is ContractKind.OPTION else message.raw_symbol, seen
    )
    root = named.root if named else message.asset or message.underlying
    if message.maturity_year < 9999 and 1 <= message.maturity_month <= 12:
        return ContractKey(root, message.maturity_year, message.maturity_month)
    return ContractKey(root, expiry.year, expiry.month)


def _utc_time(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
