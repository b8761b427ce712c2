"""The contracts of a live session: their two names, and their definitions by the exchange's rules.

`MESZ26.XCME` is this project's name, `MESZ6` the broker's; in the engine it is `MESZ6.XCME`. What a
broker says of expiry and margin is not used: see `market.expiry` and `configs/markets.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import islice
from pathlib import Path

import msgspec
from nautilus_trader.model import (
    AssetClass,
    Currency,
    FuturesContract,
    InstrumentId,
    Price,
    Quantity,
    Symbol,
)

from qe_plugins.config.nodes import YamlNode
from qe_plugins.data.tape import Tape
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import ContractKey, dated_key
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.expiry import listed, stops_trading
from qe_plugins.market.roll_calendar import last_session
from qe_plugins.market.sessions import shifted
from qe_plugins.market.specs import market

SECOND = 1_000_000_000
FAR = 370 * 86_400 * SECOND
"""How far ahead fees and margins are looked up for a session."""

LONG_NAME = re.compile(r"\b([A-Z0-9]{1,3}[FGHJKMNQUVXZ]\d{2})\.(X[A-Z]{3})\b")
SECTIONS = ("strategies", "actors", "exec_algorithms")


class LiveContract(msgspec.Struct, frozen=True, kw_only=True):
    """A contract to trade. `expires` is when it stops trading (UTC ns), `roll_day` the session on
    which its root's positions are in the next contract by the calendar.
    """

    key: ContractKey
    exchange: str
    expires: int
    roll_day: date

    @property
    def id(self) -> str:
        """Return its id in the engine, `MESZ6.XCME`."""
        return f"{self.key.raw}.{self.exchange}"

    @property
    def long_id(self) -> str:
        """Return its id with a year of two digits, `MESZ26.XCME`."""
        return f"{self.key.name}.{self.exchange}"

    @property
    def broker_name(self) -> str:
        """Return the broker's local symbol, `MESZ6`."""
        return self.key.raw

    @property
    def root(self) -> str:
        """Return its root, `MES`."""
        return self.key.root


def live_contract(key: ContractKey) -> LiveContract:
    """Return a contract by its key. Raises DataError for a root that `markets.yaml` lacks."""
    return LiveContract(
        key=key,
        exchange=market(key.root).exchange,
        expires=stops_trading(key.name, 0),
        roll_day=shifted(key.root, last_session(key), 1),
    )


def named_contract(text: str, now: int) -> LiveContract | None:
    """Return the contract of `MESZ26.XCME`, `MESZ6.XCME` or `MESZ6`; None for another text.

    One digit is read as of `now` (UTC ns). Raises DataError for an unknown root.
    """
    key = dated_key(text.partition(".")[0], day_of(now))
    return None if key is None else live_contract(key)


def next_contracts(root: str, now: int, count: int) -> list[LiveContract]:
    """Return the contracts that a root rolls through, from the current one by the calendar."""
    today = day_of(now)
    coming = (key for key in listed(root, today) if last_session(key) >= today)
    return [live_contract(key) for key in islice(coming, count)]


def day_of(now: int) -> date:
    """Return the date of a moment (UTC ns) in Chicago."""
    return datetime.fromtimestamp(now // SECOND, CHICAGO).date()


def short_names(tree: YamlNode, now: int) -> YamlNode:
    """Return a configuration's tree with the engine's names in the settings of components.

    Users may write `MESZ26.XCME`; the broker's adapter knows `MESZ6.XCME` only.
    """
    sections = {
        name: _shortened(node, now) if name in SECTIONS else node
        for name, node in tree.value.items()
    }
    return replace(tree, value=sections)


def definition(contract: LiveContract) -> FuturesContract:
    """Return a contract as the engine defines it, by the exchange's rules and `markets.yaml`."""
    terms = market(contract.root)
    tick = Price.from_str(str(terms.tick))
    return FuturesContract(
        instrument_id=InstrumentId.from_str(contract.id),
        raw_symbol=Symbol(contract.broker_name),
        asset_class=AssetClass.INDEX,
        underlying=contract.root,
        activation_ns=0,
        expiration_ns=contract.expires,
        currency=Currency.from_str(terms.currency),
        price_precision=tick.precision,
        price_increment=tick,
        multiplier=Quantity.from_str(f"{terms.multiplier.normalize():f}"),
        lot_size=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
    )


def live_tape(
    contracts: Sequence[LiveContract],
    spec: str,
    now: int,
    following: LiveContract | None = None,
) -> Tape:
    """Return the market data of a session that begins now: contracts and bar types, no records.

    `following` is a contract without bars, which a position is rolled into.
    """
    names = ", ".join(one.broker_name for one in contracts)
    return Tape(
        source="broker",
        label=f"Interactive Brokers ({names})",
        catalog=Path("none"),
        contracts=[
            definition(one) for one in (*contracts, *([] if following is None else [following]))
        ],
        bar_types=[f"{one.id}-{spec}-EXTERNAL" for one in contracts],
        start=now,
        end=now + FAR,
        records=0,
        bars=0,
        chunk=1,
        series=(),
        asked=(now, now + FAR),
    )


def _shortened(node: YamlNode, now: int) -> YamlNode:
    value = node.value
    if isinstance(value, dict):
        return replace(node, value={key: _shortened(one, now) for key, one in value.items()})
    if isinstance(value, list):
        return replace(node, value=[_shortened(one, now) for one in value])
    if not isinstance(value, str):
        return node

    def short(match: re.Match[str]) -> str:
        key = dated_key(match[1], day_of(now))
        assert key is not None
        if dated_key(key.raw, day_of(now)) != key:
            raise DataError(f"{match[0]} is no contract that trades now.", where=node.location)
        return f"{key.raw}.{match[2]}"

    return replace(node, value=LONG_NAME.sub(short, value))
