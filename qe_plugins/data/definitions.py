"""Databento definitions into contracts: futures, spreads and options told apart, repeats gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import databento_dbn
import msgspec
import zstandard
from msgspec.structs import replace

from qe_plugins.data.dbn_file import check_whole, read_header
from qe_plugins.data.symbology import instrument_id
from qe_plugins.errors import DataError
from qe_plugins.market.contracts import Contract, Kind, Refusal, disagreements
from qe_plugins.market.keys import ContractKey, dated_key

BLOCK = 1 << 20
UNDEFINED = 2**63 - 1
NO_TIME = 2**64 - 1
NANO = Decimal(1_000_000_000)
KINDS = {"F": Kind.FUTURE, "C": Kind.OPTION, "P": Kind.OPTION}  # all else is a spread

STATED = (  # what a contract is made of
    "raw_symbol",
    "maturity_year",
    "maturity_month",
    "expiration",
    "exchange",
    "min_price_increment",
    "min_price_increment_amount",
    "display_factor",
    "unit_of_measure_qty",
    "tick_rule",
)

# CME's variable ticks by tick rule: up to this price, this tick, beyond it that tick, in the feed's
# own prices. From CME's "Tick, Decimal and Fractional Pricing"; 15, which ES options have since
# 2024, is not in the public copy and is ES options' contract rule: 0.05 up to 10.00, then 0.25.
TICK_RULES = {
    1: ("500", "5", "10"),
    2: ("5", "0.5", "1"),
    3: ("10", "1", "2"),
    4: ("500", "5", "25"),
    10: ("300", "5", "25"),
    11: ("300", "5", "10"),
    12: ("5", "0.25", "0.5"),
    13: ("25", "1", "5"),
    15: ("1000", "5", "25"),
}


class Defined(msgspec.Struct, frozen=True):
    """What definition files hold: contracts by root and expiry, and those refused, with why."""

    contracts: list[Contract]
    refused: list[Refusal]


def definition_files(places: Iterable[Path]) -> list[Path]:
    """Return the definition files in folders, and the files named. Raises DataError for none."""
    found: list[Path] = []
    places = list(places)
    for place in places:
        if not place.exists():
            raise DataError("there is no such file or folder.", where=str(place))
        files = [place] if place.is_file() else sorted(place.rglob("*.dbn.zst"))
        found += [file for file in files if read_header(file, "data").schema == "definition"]
    if not found:
        raise DataError(
            "no definitions (.dbn.zst of schema 'definition').",
            where=", ".join(map(str, places)),
            hint="Buy them with the bars, or name a folder with --dbn.",
        )
    return found


def read_definitions(files: Iterable[Path], roots: Iterable[str] = ()) -> Defined:
    """Return the contracts that files define, of all roots or of some, each once.

    Raises DataError for a file that is cut short or not DBN. Later definitions of a contract
    replace earlier ones.
    """
    wanted = frozenset(roots)
    known: dict[tuple[str, int, int], Contract] = {}
    refused: dict[str, Refusal] = {}
    for message, times in _distinct(files):
        contract = _contract(message)
        if wanted and contract.root not in wanted:
            continue
        for refusal in disagreements(contract, _multipliers(message)):
            refused[str(refusal)] = refusal
        same = (contract.raw, contract.year, contract.month)
        before = known[same].definitions if same in known else 0
        known[same] = replace(contract, definitions=before + times)
    names = {refusal.name for refusal in refused.values()}
    kept = [one for one in known.values() if one.name not in names]
    return Defined(sorted(kept, key=_order), sorted(refused.values(), key=str))


def refuse_wrong(refused: list[Refusal], where: str) -> None:
    """Raise DataError, with both figures of the first, where definitions were refused."""
    if not refused:
        return
    more = f", and {len(refused) - 1} more" if len(refused) > 1 else ""
    raise DataError(
        f"refused: {refused[0]}{more}.",
        where=where,
        hint="Profits would be wrong: get the definitions anew, or correct terms that changed.",
    )


def _order(contract: Contract) -> tuple[str, int, datetime, str]:
    return contract.root, list(Kind).index(contract.kind), contract.expiry, contract.raw


def _distinct(files: Iterable[Path]) -> Iterable[tuple[databento_dbn.InstrumentDefMsg, int]]:
    """Return each definition that says something new, and how often it was sent: mostly daily."""
    first: dict[tuple[object, ...], databento_dbn.InstrumentDefMsg] = {}
    times: Counter[tuple[object, ...]] = Counter()
    for file in files:
        check_whole(file, "data")
        for message in _messages(file):
            said = tuple(getattr(message, field) for field in STATED)
            first.setdefault(said, message)
            times[said] += 1
    return ((message, times[said]) for said, message in first.items())


def _messages(file: Path) -> Iterator[databento_dbn.InstrumentDefMsg]:
    decoder = databento_dbn.DBNDecoder()
    with file.open("rb") as raw:
        reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        while block := reader.read(BLOCK):
            decoder.write(block)
            for record in decoder.decode():
                if isinstance(record, databento_dbn.InstrumentDefMsg):
                    yield record


def _contract(message: databento_dbn.InstrumentDefMsg) -> Contract:
    kind = KINDS.get(str(message.instrument_class), Kind.SPREAD)
    key = _key(message, kind)
    tick, limit, above = _ticks(message)
    multipliers = _multipliers(message) if kind is not Kind.SPREAD else []
    return Contract(
        id=instrument_id(key, message.exchange) if kind is Kind.FUTURE else None,
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
        multiplier=multipliers[-1] if multipliers else None,
        activation=_time(message.activation) if message.activation != NO_TIME else None,
        expiry=_time(message.expiration),
        underlying=message.underlying or None,
        strike=_decimal(message.strike_price) if kind is Kind.OPTION else None,
    )


def _key(message: databento_dbn.InstrumentDefMsg, kind: Kind) -> ContractKey:
    """Return root, year and month: of an option, the root of its underlying future."""
    seen = _time(message.ts_event).date()
    expiry = _time(message.expiration).date()
    named = dated_key(message.underlying if kind is Kind.OPTION else message.raw_symbol, seen)
    root = named.root if named else message.asset or message.underlying
    if message.maturity_year < 9999 and 1 <= message.maturity_month <= 12:
        return ContractKey(root, message.maturity_year, message.maturity_month)
    return named if named and kind is Kind.FUTURE else ContractKey(root, expiry.year, expiry.month)


def _multipliers(message: databento_dbn.InstrumentDefMsg) -> list[Decimal]:
    """Return what a point is worth: by the unit of measure, then by the value of a tick."""
    found = []
    if quantity := _decimal(message.unit_of_measure_qty):
        found.append(quantity)
    tick, value = (
        _decimal(message.min_price_increment),
        _decimal(message.min_price_increment_amount),
    )
    factor = _decimal(message.display_factor)
    if tick and value and factor:
        found.append(_plain(value / factor / tick))
    return found


def _ticks(
    message: databento_dbn.InstrumentDefMsg,
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Return the tick; where it varies with the price, also up to which one, and the tick above."""
    if rule := TICK_RULES.get(message.tick_rule):
        factor = _decimal(message.display_factor) or Decimal(1)
        limit, tick, above = (_plain(Decimal(part) * factor) for part in rule)
        return tick, limit, above
    return _decimal(message.min_price_increment), None, None


def _decimal(fixed: int) -> Decimal | None:
    return None if fixed == UNDEFINED else _plain(fixed / NANO)


def _plain(number: Decimal) -> Decimal:
    """Return a number without trailing zeros and without an exponent."""
    whole = number.to_integral_value()
    return whole.quantize(Decimal(1)) if number == whole else number.normalize()


def _time(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
