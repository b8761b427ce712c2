"""Prepare a live session, and refuse what may not trade: all of it before a socket is opened."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any

import msgspec
from nautilus_trader.trading import Strategy

from qe_plugins.config.broker import BrokerSettings, IbSettings
from qe_plugins.config.loader import Loaded, load
from qe_plugins.engine.broker.contracts import (
    LiveContract,
    live_tape,
    named_contract,
    next_contracts,
    short_names,
)
from qe_plugins.engine.broker.entry_rules import slippage_points
from qe_plugins.engine.rolling.session_roller import roll_begun
from qe_plugins.engine.running.components import Component
from qe_plugins.engine.running.prepare import PreparedRun, prepare
from qe_plugins.engine.settings.entries import entries, texts
from qe_plugins.market.sessions import closed_until
from qe_plugins.market.specs import market

PAPER_ACCOUNT = re.compile(r"D[UF]\d+")
ACCOUNT = re.compile(r"[A-Z]{1,3}\d+")
REAL_MONEY = "--real-money"
IB = ("broker", "ib")
ORDER_LISTS = "submit_order_list"
"""The one way to send an entry with its stop: code without it can only send entries alone."""


@dataclass(frozen=True)
class PreparedLive:
    """A live session that could connect. `now` is when it was prepared (UTC nanoseconds).

    With `sandbox` only the broker's data is used: orders are filled by Nautilus' sandbox.
    `following` is the contract that a position is rolled into, None where none is.
    """

    prepared: PreparedRun
    settings: BrokerSettings
    contracts: tuple[LiveContract, ...]
    now: int
    sandbox: bool = False
    following: LiveContract | None = None

    @property
    def every_contract(self) -> tuple[LiveContract, ...]:
        """Return the contracts to trade, and the one that a position is rolled into."""
        return (*self.contracts, *(() if self.following is None else (self.following,)))

    @property
    def loaded(self) -> Loaded:
        """Return its configuration, with the engine's names of contracts."""
        return self.prepared.loaded

    @property
    def is_paper(self) -> bool:
        """Return whether the account is one of the broker's paper accounts."""
        return is_paper(self.settings.ib.account)


def is_paper(account: str) -> bool:
    """Return whether an account id is that of a paper account, such as `DU1234567`."""
    return PAPER_ACCOUNT.fullmatch(account) is not None


def prepare_live(
    file: Path,
    overrides: Sequence[str] = (),
    *,
    real_money: bool | None = False,
    sandbox: bool = False,
    now: int | None = None,
) -> PreparedLive:
    """Return a session that may connect. Raises QeError with the place for one that may not.

    `real_money` says whether the user allows it; None describes the session only. `now` is UTC
    nanoseconds, by default the present.
    """
    now = int(datetime.now(UTC).timestamp() * 1e9) if now is None else now
    loaded = load(file, overrides, prepare=partial(short_names, now=now))
    if loaded.config.broker is None:
        raise loaded.error(
            "no `broker:`, so there is no account to trade.",
            hint="configs/live/mes_paper.yaml is an example.",
        )
    settings = loaded.config.broker
    assert settings is not None
    if not sandbox:  # which sends no order to any account
        check_account_id(loaded, settings.ib, real_money=real_money)
    check_client_ids(loaded, settings.ib)
    contracts = _contracts(loaded, settings, now)
    following = _following(settings, contracts, now)
    _check_rung(loaded, contracts)
    if loaded.config.exec_algorithms:
        message = "an execution algorithm sends its orders one by one, without their stop."
        raise loaded.error(message, "exec_algorithms", hint="Take it out of a live session.")
    if settings.start == "now":
        _check_open(loaded, contracts, now)
    tape = live_tape(contracts, loaded.config.data.bars, now, following)
    prepared = prepare(loaded, tape=tape)
    _check_owners(loaded, prepared, contracts)
    _check_stops(loaded, prepared.components)
    return PreparedLive(prepared, settings, contracts, now, sandbox, following)


def check_account_id(loaded: Loaded, ib: IbSettings, *, real_money: bool | None) -> None:
    """Raise ConfigError where an account may not be traded."""
    account = ib.account
    if ACCOUNT.fullmatch(account) is None:
        raise loaded.error(
            f"'{account}' is no account id.", *IB, "account", hint="Write it as in TWS: DU1234567."
        )
    if is_paper(account):
        if real_money:
            raise loaded.error(
                f"{account} is a paper account, and {REAL_MONEY} was given.",
                *(*IB, "account"),
                hint=f"Omit {REAL_MONEY}, or name the account that was meant.",
            )
        return
    if account not in ib.live_accounts:
        raise loaded.error(
            f"{account} has real money and is not in `live_accounts`.",
            *(*IB, "account"),
            hint="Paper accounts begin with DU. To trade this one, list it in the file.",
        )
    if real_money is False:
        raise loaded.error(
            f"{account} has real money.", *IB, "account", hint=f"Give {REAL_MONEY} to trade it."
        )


def check_client_ids(loaded: Loaded, ib: IbSettings) -> None:
    """Raise ConfigError where client ids are equal or 0."""
    ids: dict[str, int] = msgspec.to_builtins(ib.client_ids)
    for name, number in ids.items():
        if number == 0:
            message = "client id 0 takes over the orders of a person in TWS."
            raise loaded.error(message, *IB, "client_ids", name, hint="Write 11, 21, 31 and 41.")
    if len(set(ids.values())) < len(ids):
        was = ", ".join(f"{name} {number}" for name, number in ids.items())
        message = f"client ids must differ, was {was}: the broker refuses a second connection."
        raise loaded.error(message, *IB, "client_ids", hint="Write 11, 21, 31 and 41.")


def _contracts(loaded: Loaded, settings: BrokerSettings, now: int) -> tuple[LiveContract, ...]:
    """Return the contracts to trade: those that are named, else the current one of the rung's root.

    Raises ConfigError for a strategy on a root.
    """
    for entry in entries(loaded, "strategies"):
        if (rolled := entry.roll_settings) is not None:
            raise loaded.error(
                f"a live session rolls by the calendar alone, not a strategy by `{rolled.roll}`, "
                f"and has no series of {rolled.instrument}'s front months.",
                *("strategies", entry.name),
                hint="Name a contract by `instrument_id`, or trade by `signal_follower`: without "
                "`broker.contracts` the session goes on in the next contract by itself.",
            )
    if not settings.contracts:
        root = loaded.config.rung.root
        if root is None:
            message = "no `contracts:`, and the rung names no root."
            raise loaded.error(message, "broker", hint="Write contracts: [MESZ26.XCME].")
        if (begun := roll_begun(settings.ib.account)) is not None:  # it goes on where it was
            return (_named(loaded, begun.before, now),)
        return tuple(next_contracts(root, now, 1))
    return tuple(_named(loaded, text, now) for text in settings.contracts)


def _following(
    settings: BrokerSettings, contracts: Sequence[LiveContract], now: int
) -> LiveContract | None:
    """Return the contract that a session's position is rolled into, None where none is."""
    begun = roll_begun(settings.ib.account) is not None
    if settings.contracts or not (settings.roll.with_position or begun):
        return None
    [current] = contracts
    return next(one for one in next_contracts(current.root, now, 3) if one.key > current.key)


def _named(loaded: Loaded, text: str, now: int) -> LiveContract:
    place = ("broker", "contracts")
    found = named_contract(text, now)
    if found is None:
        hint = "Write it as MESZ26.XCME."
        raise loaded.error(f"'{text}' is no dated contract.", *place, hint=hint)
    if found.expires <= now:
        ended = datetime.fromtimestamp(found.expires / 1e9, UTC)
        raise loaded.error(
            f"{text} has stopped trading at {ended:%Y-%m-%d %H:%M} UTC.",
            *place,
            hint=f"{next_contracts(found.root, now, 1)[0].long_id} is the current contract.",
        )
    again = named_contract(found.id, now)
    if again is None or again.key != found.key:
        message = f"{text} is more than nine years ahead: the broker's name of it is another's."
        raise loaded.error(message, *place)
    return found


def _check_rung(loaded: Loaded, contracts: Sequence[LiveContract]) -> None:
    """Raise ConfigError where the rung does not limit the orders, or leaves none possible."""
    rung = loaded.config.rung
    hint = "Write `rung: {name: 1 MES, risk: 50 USD, max_contracts: 1}`."
    if not rung.enforced or rung.root is None:
        message = "a live session needs a rung that limits every order and names its root."
        raise loaded.error(message, "rung", hint=hint)
    for contract in contracts:
        if contract.root != rung.root:
            message = f"{rung.title} holds {rung.root}, not {contract.long_id}."
            raise loaded.error(message, "broker", "contracts", hint=hint)
    terms = market(rung.root)
    least = (
        terms.tick + 2 * slippage_points(loaded.config.slippage, terms.tick)
    ) * terms.multiplier
    if rung.risk < least:
        raise loaded.error(
            f"{rung.risk} USD is less than one {rung.root} contract loses at the nearest stop, "
            f"{_dollars(least)} USD with slippage: no order could pass.",
            *("rung", "risk"),
        )


def _dollars(amount: Decimal) -> str:
    return f"{amount:.2f}"


def _check_open(loaded: Loaded, contracts: Sequence[LiveContract], now: int) -> None:
    for contract in contracts:
        if (opens := closed_until(contract.root, now)) is not None:
            raise loaded.error(
                f"{contract.root} is closed until {opens:%Y-%m-%d %H:%M} in Chicago, and `start` "
                "is `now`.",
                *("broker", "start"),
                hint="With `start: open` a session connects and waits.",
            )


def traded_by(prepared: PreparedRun, contracts: Sequence[LiveContract]) -> dict[str, list[str]]:
    """Return the names of the strategies that may trade each contract, by its id in the engine.

    One whose settings name no contract of the session may trade any of them.
    """
    loaded, ids = prepared.loaded, [one.id for one in contracts]
    found: dict[str, list[str]] = defaultdict(list)
    for entry in entries(loaded, "strategies"):
        named = [text.partition("-")[0] for _, text in texts(entry.settings)]
        for contract in [one for one in ids if one in named] or ids:
            found[contract].append(entry.name)
    return dict(found)


def _check_owners(loaded: Loaded, prepared: PreparedRun, contracts: Sequence[LiveContract]) -> None:
    """Raise ConfigError where two strategies would share a contract's position at the broker."""
    for contract, names in traded_by(prepared, contracts).items():
        if len(names) > 1:
            raise loaded.error(
                f"{' and '.join(names)} may both trade {contract}: the broker holds one position "
                "for both.",
                *("strategies", names[1]),
                hint=f"Take one away: `{names[1]}: null`.",
            )


def _check_stops(loaded: Loaded, components: Sequence[Component]) -> None:
    """Raise ConfigError for a strategy that cannot send an entry together with its stop."""
    for component in components:
        if component.section == "strategies" and not _uses(component.author, ORDER_LISTS):
            raise loaded.error(
                f"{component.author.__name__} never sends its orders as a list, so no entry of it "
                "leaves with its stop.",
                *("strategies", component.name),
                hint="Send entry, stop and target by `submit_order_list`.",
            )


def _uses(author: type, name: str) -> bool:
    """Return whether the code of a class, or of its bases up to Strategy, has a name."""
    own = [one for one in author.__mro__ if one not in Strategy.__mro__]
    codes = [code for one in own for value in vars(one).values() for code in _codes(value)]
    return any(name in code.co_names for code in codes)


def _codes(value: Any) -> list[CodeType]:
    """Return the code of a function or property, and of the functions inside it."""
    function = getattr(value, "fget", None) or getattr(value, "__func__", value)
    code = getattr(function, "__code__", None)
    found: list[CodeType] = []
    rest = [code] if isinstance(code, CodeType) else []
    while rest:
        code = rest.pop()
        found.append(code)
        rest += [one for one in code.co_consts if isinstance(one, CodeType)]
    return found
