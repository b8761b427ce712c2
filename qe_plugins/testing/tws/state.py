"""What survives a restart of the gateway: orders, positions, executions and ids, as JSON."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from qe_plugins.errors import PluginError
from qe_plugins.testing.tws.exchange.account import GatewayExecution, GatewayPosition
from qe_plugins.testing.tws.exchange.orders import GatewayOrder

if TYPE_CHECKING:
    from qe_plugins.testing.tws.gateway import Gateway


class GatewayState(msgspec.Struct):
    """The file's contents."""

    account: str
    cash: float
    realized: float
    next_order_id: int
    next_perm_id: int
    ticks: int
    positions: dict[int, GatewayPosition]
    executions: list[GatewayExecution]
    orders: list[GatewayOrder]


def save(gateway: Gateway, path: Path) -> None:
    """Write the state of `gateway`, replacing the file as a whole."""
    account = gateway.account
    state = GatewayState(
        account=account.id,
        cash=account.cash,
        realized=account.realized,
        next_order_id=gateway.next_order_id,
        next_perm_id=gateway.next_perm_id,
        ticks=gateway.market.ticks,
        positions=account.positions,
        executions=account.executions,
        orders=gateway.book.orders,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_suffix(".tmp")
    written.write_bytes(msgspec.json.encode(state))
    os.replace(written, path)


def load(gateway: Gateway, path: Path) -> None:
    """Continue from `path` if it exists. Raises `PluginError` if it is of another account."""
    if not path.exists():
        return
    try:
        state = msgspec.json.decode(path.read_bytes(), type=GatewayState)
    except msgspec.DecodeError as error:
        message = f"{path}: is no state of a simulated TWS: {error}. Delete it to begin again"
        raise PluginError(message) from error
    if state.account != gateway.account.id:
        raise PluginError(f"{path}: is of account {state.account}, not {gateway.account.id}")
    account = gateway.account
    account.cash, account.realized = state.cash, state.realized
    account.positions, account.executions = state.positions, state.executions
    gateway.book.restore(state.orders)
    gateway.next_order_id, gateway.next_perm_id = state.next_order_id, state.next_perm_id
    gateway.market.restart_at(state.ticks)
