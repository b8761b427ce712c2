"""Parse Databento symbols: the text determines the type (`stype_in`).

`ESZ3` is a raw name, `ES.FUT` and `ES.OPT` are parents, `ES.v.0` is a continuous series and digits
are an instrument id. Anything else raises DataError with a suggestion.
"""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum

import msgspec

from qe_plugins.data.symbology.suggestions import explain
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import DATED, MONTH_LETTERS, ContractKey, dated_key

ROOT = r"(?P<root>[A-Z0-9]{1,3})"
PARENT = re.compile(rf"{ROOT}\.(FUT|OPT)")
CONTINUOUS = re.compile(rf"{ROOT}\.[cvn]\.\d{{1,2}}")
OPTION = re.compile(rf"{ROOT}[{MONTH_LETTERS}]\d{{1,2}} [CP]\d+")
OURS = re.compile(rf"(?P<name>{DATED.pattern})\.(?P<venue>X[A-Z]{{3}})")


class SType(StrEnum):
    """Databento's symbology types, by its own names."""

    RAW = "raw_symbol"
    PARENT = "parent"
    CONTINUOUS = "continuous"
    ID = "instrument_id"


class Symbol(msgspec.Struct, frozen=True):
    """A symbol and the type to request it with. `root` is None for an instrument id."""

    text: str
    stype_in: SType
    root: str | None = None

    def key(self, on: date) -> ContractKey | None:
        """Return the dated contract of a raw name as read on a date, None for other symbols."""
        return dated_key(self.text, on) if self.stype_in is SType.RAW else None


def parse_symbol(text: str) -> Symbol:
    """Return a symbol with its type. Raises DataError, with a suggestion, for an invalid one."""
    text = text.strip()
    if text.isdecimal():
        return Symbol(text, SType.ID)
    for form, stype in (
        (DATED, SType.RAW),
        (OPTION, SType.RAW),
        (PARENT, SType.PARENT),
        (CONTINUOUS, SType.CONTINUOUS),
    ):
        if found := form.fullmatch(text):
            return Symbol(text, stype, found["root"])
    message, hint = explain(text)
    raise DataError(message, where=repr(text), hint=hint)


def feed_symbol(text: str) -> Symbol:
    """Return a symbol as CME's feed accepts it. Raises DataError for two-digit years (`ESU23`)."""
    symbol = parse_symbol(text)
    if (key := symbol.key(date.min)) is not None and symbol.text != key.raw:
        raise DataError(
            "a raw CME name has one year digit.", where=repr(text), hint=f"Ask for '{key.raw}'."
        )
    return symbol


def is_outright(raw: str) -> bool:
    """Say whether a raw name is a dated future, and not a spread or option of a parent."""
    return DATED.fullmatch(raw) is not None


def instrument_id(key: ContractKey, venue: str) -> str:
    """Return the instrument id that catalogs and the engine use, `ESH15.XCME`."""
    return f"{key.name}.{venue}"


def parse_instrument_id(text: str) -> tuple[ContractKey, str]:
    """Return key and venue of `ESH15.XCME`. Raises DataError for any other text."""
    found = OURS.fullmatch(text)
    key = dated_key(found["name"], date.min) if found else None
    if found is None or key is None or found["name"] != key.name:
        raise DataError(
            "not the id of a dated contract.",
            where=repr(text),
            hint="An id has two year digits and the exchange's code, as 'ESH15.XCME'.",
        )
    return key, found["venue"]
