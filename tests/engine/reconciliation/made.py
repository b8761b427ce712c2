"""Orders, positions, executions and books for tests of reconciliation."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from qe_plugins.engine.reconciliation.answers import Known
from qe_plugins.engine.reconciliation.book import BookOrder, BookState, OwnBook
from qe_plugins.engine.reconciliation.comparison import BookScope
from qe_plugins.ib_client.records import (
    BrokerExecution,
    BrokerOrder,
    BrokerPosition,
    BrokerSnapshot,
)

MES, ACCOUNT, CLIENT = "MESZ6", "DU1", 21
SCOPE = BookScope(frozenset({MES}), CLIENT)
SECOND = 1_000_000_000


def order(perm_id: int = 1, **fields: Any) -> BrokerOrder:
    """Return a live stop of a long position of one contract, with other fields if given."""
    given: dict[str, Any] = {
        "perm_id": perm_id,
        "order_id": perm_id,
        "client_id": CLIENT,
        "ref": f"O-{perm_id}",
        "account": ACCOUNT,
        "con_id": 1,
        "local_symbol": MES,
        "side": "SELL",
        "kind": "STP",
        "quantity": Decimal(1),
        "filled": Decimal(0),
        "limit_price": None,
        "stop_price": Decimal(6490),
        "status": "PreSubmitted",
        "parent_id": 0,
        "oca_group": "",
        "outside_rth": True,
        "time_in_force": "GTC",
    }
    return BrokerOrder(**given | fields)


def ours(one: BrokerOrder, state: BookState = BookState.WORKING, **fields: Any) -> BookOrder:
    """Return what our book has of an order."""
    given: dict[str, Any] = {
        "ref": one.ref,
        "contract": one.local_symbol,
        "side": one.side,
        "quantity": one.quantity,
        "filled": one.filled,
        "state": state,
        "trigger": one.stop_price,
        "limit": one.limit_price,
        "is_exit": True,
    }
    return BookOrder(**given | fields)


def held(net: int, local_symbol: str = MES) -> BrokerPosition:
    """Return a position."""
    return BrokerPosition(
        account=ACCOUNT,
        con_id=1,
        local_symbol=local_symbol,
        symbol="MES",
        exchange="",
        currency="USD",
        kind="FUT",
        multiplier=Decimal(5),
        quantity=Decimal(net),
        average_price=Decimal(6500),
    )


def execution(exec_id: str, ref: str = "O-9", side: str = "BUY", **fields: Any) -> BrokerExecution:
    """Return a fill of one contract."""
    given: dict[str, Any] = {
        "exec_id": exec_id,
        "perm_id": 9,
        "order_id": 9,
        "client_id": CLIENT,
        "ref": ref,
        "account": ACCOUNT,
        "con_id": 1,
        "local_symbol": MES,
        "side": side,
        "quantity": Decimal(1),
        "price": Decimal(6500),
        "time_ns": 0,
    }
    return BrokerExecution(**given | fields)


def snapshot(
    *orders: BrokerOrder, net: int = 0, executions: tuple[BrokerExecution, ...] = (), at: int = 0
) -> BrokerSnapshot:
    """Return what the broker holds."""
    positions = [held(net)] if net else []
    return BrokerSnapshot(
        account=ACCOUNT,
        orders=list(orders),
        positions=positions,
        executions=list(executions),
        at_ns=at,
    )


def known(at: int, *orders: BrokerOrder, **fields: Any) -> Known[BrokerSnapshot]:
    """Return a complete answer of a time."""
    return Known(snapshot(*orders, at=at, **fields), at)


def book(
    *orders: BookOrder, net: int = 0, at: int = 0, executions: tuple[str, ...] = ()
) -> OwnBook:
    """Return our book."""
    return OwnBook(
        at=at,
        orders={one.ref: one for one in orders},
        nets={MES: Decimal(net)},
        executions=frozenset(executions),
    )
