"""Why a session could not connect: the gateway itself is asked, since the node does not say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qe_plugins.errors import RunError

if TYPE_CHECKING:
    from qe_plugins.config.broker import IbSettings

TIMEOUT = 5.0
"""Seconds that the gateway has to answer."""


def not_connected(ib: IbSettings, reason: str) -> RunError:
    """Return the error of a node that did not connect, and is gone: `reason` where no other is.

    Another node with the same client ids is the usual cause; on this machine the account's lock
    refuses it before.
    """
    from qe_plugins.ib_client import BrokerConnection, BrokerEndpoint, BrokerUnknown

    hint = "Is the gateway up and logged in?"
    for client_id in (ib.client_ids.exec, ib.client_ids.data):
        endpoint = BrokerEndpoint(
            account=ib.account, host=ib.host, port=ib.port, client_id=client_id
        )
        with BrokerConnection(endpoint) as connection:
            try:
                connection.open(TIMEOUT)
            except BrokerUnknown as error:
                reason, hint = str(error), ""
                if connection.state == "client_id_taken":
                    reason = f"client id {client_id} is in use"
                    hint = (
                        "Another node trades this account, perhaps on another machine: end one of "
                        "them, since each would close what the other opens."
                    )
                break
    return RunError(
        f"the session could not connect to {ib.host}:{ib.port}: {reason}.",
        where=f"account {ib.account}",
        hint=hint,
    )
