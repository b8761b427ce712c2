"""`broker:` of a configuration: the account of a live session, and when it takes no new risk."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from qe_plugins.units import Duration

type ClientId = Annotated[int, msgspec.Meta(ge=0, le=999_999)]


class BrokerSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the sections of `broker:`; unknown keys are errors."""


class ClientIds(BrokerSection, frozen=True, kw_only=True):
    """The ids under which the parts of a session connect: fixed, different, at least 1.

    `data` and `exec` are the node's two connections, `watch` that of `qe watch`, and `look` that
    with which the session compares its book with the broker's.
    """

    data: ClientId = 11
    exec: ClientId = 21
    watch: ClientId = 31
    look: ClientId = 41


class IbSettings(BrokerSection, frozen=True, kw_only=True):
    """An account at Interactive Brokers, and the gateway or TWS that is logged in to it.

    `live_accounts` are the ids of the accounts with real money that may be traded. `restart_at` is
    when the gateway restarts every day, a time in Chicago such as `16:15`.
    """

    account: str
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 4002
    client_ids: ClientIds = ClientIds()
    live_accounts: list[str] = []
    restart_at: str | None = None


class NoEntry(BrokerSection, frozen=True, kw_only=True):
    """How long before an event no order adds risk; `0s` is never."""

    before_break: Annotated[Duration, msgspec.Meta(ge=0)] = 600.0
    before_restart: Annotated[Duration, msgspec.Meta(ge=0)] = 600.0
    before_expiry: Annotated[Duration, msgspec.Meta(ge=0)] = 86_400.0
    before_roll: Annotated[Duration, msgspec.Meta(ge=0)] = 600.0


class LiveRoll(BrokerSection, frozen=True, kw_only=True):
    """How a session on a root goes on in the next contract: by default only once it is flat.

    With `with_position` a position is closed in the old contract and opened in the new one, with
    its exits moved by the difference of both prices. A step that the broker does not confirm
    within `confirm_within` halts.
    """

    with_position: bool = False
    confirm_within: Annotated[Duration, msgspec.Meta(gt=0)] = 30.0


class BrokerSettings(BrokerSection, frozen=True, kw_only=True):
    """The broker of a live session.

    `contracts` are the dated contracts to trade, `MESZ26.XCME` or `MESZ6.XCME`; without them, the
    rung's root by the roll calendar: on a roll day the session begins again in the next contract
    as soon as `roll` allows. `warm_up` is how many bars of history components receive
    before any order adds risk. With `start: now` a session begins only while the market is open.
    """

    ib: IbSettings
    contracts: list[str] = []
    warm_up: Annotated[int, msgspec.Meta(ge=0, le=5_000)] = 120
    start: Literal["open", "now"] = "open"
    no_entry: NoEntry = NoEntry()
    roll: LiveRoll = LiveRoll()
