"""Describe a live session without connecting: the rows that `qe check` prints."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from qe_plugins.engine.broker.preparation import prepare_live, traded_by
from qe_plugins.engine.results.collect import ENGINE
from qe_plugins.engine.running.describe import LABELS
from qe_plugins.engine.running.source_hashes import source_hashes
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.sessions import next_session
from qe_plugins.market.specs import market

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qe_plugins.engine.broker.contracts import LiveContract
    from qe_plugins.engine.broker.preparation import PreparedLive

type Row = tuple[str, str]
SECOND = 1_000_000_000


def describe_live(
    file: Path, overrides: Sequence[str] = (), *, now: int | None = None
) -> list[Row]:
    """Prepare a live session and return (label, value) rows.

    An account with real money is described, too. Raises what `qe live` raises before it connects.
    """
    live = prepare_live(file, overrides, real_money=None, now=now)
    return [
        *_account_rows(live),
        *(row for one in live.contracts for row in _contract_rows(live, one)),
        *_component_rows(live),
        *_limit_rows(live),
    ]


def _account_rows(live: PreparedLive) -> Iterator[Row]:
    ib = live.settings.ib
    kind = "paper" if live.is_paper else "REAL MONEY: `qe live` needs --real-money"
    yield "account", f"{ib.account} ({kind})"
    yield "gateway", f"{ib.host}:{ib.port}"
    ids = msgspec.to_builtins(ib.client_ids)
    yield "client ids", ", ".join(f"{name} {number}" for name, number in ids.items())
    if ib.restart_at is not None:
        yield "gateway restarts", f"daily at {ib.restart_at} Chicago"


def _contract_rows(live: PreparedLive, contract: LiveContract) -> Iterator[Row]:
    yield "contract", f"{contract.long_id}, at the broker {contract.broker_name}"
    expires = datetime.fromtimestamp(contract.expires / 1e9, CHICAGO)
    days = timedelta(seconds=(contract.expires - live.now) // SECOND).days
    yield "expires", f"{expires:%a %Y-%m-%d %H:%M} Chicago, in {days} days"
    how = "stays, as `contracts` says" if live.settings.contracts else "once flat"
    if live.following is not None:
        how = f"with its position, into {live.following.long_id}"
    yield "rolls", f"{contract.roll_day:%a %Y-%m-%d}, {how}"
    session = next_session(contract.root, live.now)
    opens, closes = (at.astimezone(CHICAGO) for at in (session.open, session.close))
    state = "open" if session.trades_at(live.now) else "closed"
    yield (
        "session",
        f"{session.date}: {opens:%a %H:%M} to {closes:%a %H:%M} Chicago, now {state}",
    )
    terms, rung = market(contract.root), live.loaded.config.rung
    a_tick = terms.tick * terms.multiplier
    ticks = int(rung.risk / a_tick)
    yield "a tick", f"{_plain(terms.tick)} points, {_plain(a_tick)} {terms.currency} a contract"
    yield "risk", f"{rung.risk:f} {rung.currency} a trade: {ticks} ticks of one {contract.root}"
    owners = traded_by(live.prepared, live.contracts).get(contract.id, [])
    yield "traded by", ", ".join(owners) or "no strategy"


def _component_rows(live: PreparedLive) -> Iterator[Row]:
    for component in live.prepared.components:
        author = f"{component.author.__module__}:{component.author.__qualname__}"
        yield LABELS[component.section], f"{component.name} ({author})"
    members = live.prepared.plugins.members()
    for number, (name, role, hooks) in enumerate(members, start=1):
        yield "plugin", f"{number}. {name} ({role}): {', '.join(hooks) or 'no hooks'}"
    if not members:
        yield "plugin", "none: no guardian is asked"
    yield "loaded", ENGINE
    for name, digest in source_hashes(live.prepared).items():
        yield "loaded", f"{name}, source {digest}"


def _limit_rows(live: PreparedLive) -> Iterator[Row]:
    config, settings = live.loaded.config, live.settings
    rung, posture = config.rung, config.posture
    yield "rung", f"{rung.name or rung.root}: at most {rung.max_contracts} contract(s)"
    if posture is None:
        yield "posture", "none"
    else:
        until = "" if posture.valid_until is None else f", until {_utc(posture.valid_until)}"
        yield "posture", f"{'halt' if posture.halt else 'open'}: {posture.reason}{until}"
    yield "daily loss", f"{config.halt.loss_limit(rung):f} {rung.currency} halts"
    before = settings.no_entry
    windows = {
        "a break": before.before_break,
        "the gateway's restart": before.before_restart,
        "expiry": before.before_expiry,
        "the roll": before.before_roll,
    }
    named = (f"{_minutes(seconds)} before {what}" for what, seconds in windows.items() if seconds)
    yield "no entry", ", ".join(named) or "at no time"
    yield "warm-up", f"{settings.warm_up} bars of {config.data.bars}"
    yield "starts", "now" if settings.start == "now" else "now, and trades once the market is open"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds < 7200 else f"{seconds / 3600:g} h"


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _utc(ts: int) -> str:
    return f"{datetime.fromtimestamp(ts / 1e9, UTC):%Y-%m-%d %H:%M} UTC"
