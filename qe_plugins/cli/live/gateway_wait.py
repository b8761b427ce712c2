"""Wait for a gateway that is down, not logged in, or not connected to IB."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qe_plugins.cli.output import echo
from qe_plugins.ib_client import BrokerConnection, BrokerEndpoint, BrokerUnknown

if TYPE_CHECKING:
    from qe_plugins.config.broker import IbSettings

PERMANENT = ("wrong_account", "client_id_taken")
"""States that do not pass: the session itself says why it cannot begin."""


def wait_for_gateway(ib: IbSettings, every: float = 5.0) -> None:
    """Return once a gateway is logged in and connected to IB; print what it waits for.

    Returns also where waiting does not help, such as at a wrong account.
    """
    endpoint = BrokerEndpoint(
        account=ib.account, host=ib.host, port=ib.port, client_id=ib.client_ids.look
    )
    shown = ""
    with BrokerConnection(endpoint) as connection:
        while why := _not_there(connection):
            if why != shown:
                shown = why
                echo(f"Waiting for the gateway: {why}", err=True)
            time.sleep(every)


def _not_there(connection: BrokerConnection) -> str:
    """Return what is to be waited for, empty where nothing is."""
    try:
        connection.open()
    except BrokerUnknown as error:
        return "" if connection.state in PERMANENT else str(error)
    return "it is not connected to IB." if connection.state == "cut" else ""
