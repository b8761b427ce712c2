"""What a configuration has guarded: its account, its contracts, and the client ids to use."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec

from qe_plugins.guard.named import MONTH_AND_YEAR, GuardedAccount, NamedContracts
from qe_plugins.ib_client.records import BrokerEndpoint
from qe_plugins.market.contract_key import dated_key
from qe_plugins.market.exchange_zone import CHICAGO

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded

FLATTEN_OFFSET = 1
"""`qe flatten` connects under the watcher's client id plus this: the watcher may hold its own."""


def guarded_of(loaded: Loaded) -> GuardedAccount:
    """Return what is guarded. Raises ConfigError without a broker or a contract.

    Without `broker.contracts` these are all futures of the rung's root: a position may have been
    rolled since the session began.
    """
    broker = loaded.config.broker
    if broker is None:
        raise loaded.error(
            "no `broker:`, so there is nothing to guard.",
            "broker",
            hint="Name the configuration of a live session, such as configs/live/mes_paper.yaml.",
        )
    symbols = set()
    for text in broker.contracts:
        key = dated_key(text.partition(".")[0], _today())
        if key is None:
            message = f"'{text}' is no dated contract."
            raise loaded.error(message, "broker", "contracts", hint="Write it as MESZ26.XCME.")
        symbols.add(key.raw)
    root = loaded.config.rung.root
    if not symbols and root is None:
        message = "no `contracts:`, and the rung names no root."
        raise loaded.error(message, "broker", hint="Write contracts: [MESZ26.XCME].")
    return GuardedAccount(
        name=loaded.config.name,
        endpoint=BrokerEndpoint(
            account=broker.ib.account,
            host=broker.ib.host,
            port=broker.ib.port,
            client_id=broker.ib.client_ids.watch,
        ),
        contracts=NamedContracts(
            account=broker.ib.account,
            symbols=frozenset(symbols),
            roots=frozenset() if symbols or root is None else frozenset({root}),
        ),
    )


def with_quotes(guarded: GuardedAccount) -> GuardedAccount:
    """Return what is guarded with the contracts whose quotes to watch.

    They are those that are named, or the current one of each root. Imports the exchange's
    calendars, which takes seconds: it is not for a way to flat.
    """
    from qe_plugins.market.expiry import listed
    from qe_plugins.market.roll_calendar import last_session

    day, named = _today(), guarded.contracts
    quoted = set(named.symbols)
    for root in named.roots:
        quoted.add(next(key for key in listed(root, day) if last_session(key) >= day).raw)
    roots = named.roots | {MONTH_AND_YEAR.sub("", one) for one in named.symbols}
    return msgspec.structs.replace(
        guarded, quoted=tuple(sorted(quoted)), quoted_roots=tuple(sorted(roots))
    )


def _today() -> date:
    """Return the date in Chicago."""
    return datetime.now(CHICAGO).date()
