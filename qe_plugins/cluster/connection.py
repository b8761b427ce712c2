"""Address of a Temporal cluster and a connection to it: options, then environment and `.env`.

The variables are those of every Temporal client: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
TEMPORAL_API_KEY, TEMPORAL_TLS and TEMPORAL_TLS_*.
"""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import msgspec
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError, RPCStatusCode

from qe_plugins.cluster.payload_converter import CONVERTER
from qe_plugins.config.env import variables
from qe_plugins.errors import ClusterError

ADDRESS, NAMESPACE = "127.0.0.1:7233", "default"
TIMEOUT = 4.0
"""Seconds within which a reachable server answers."""


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """Server, namespace, and the task queue of scans, jobs and workers.

    None stands for the environment's value, or else a development server on this machine.
    """

    address: str | None = None
    namespace: str | None = None
    queue: str


async def connect(cluster: Cluster) -> Client:
    """Return a connection to a server that has answered. Raises ClusterError where it does not."""
    wanted = settings(cluster)
    where = f"Temporal at {wanted['target_host']}"
    try:
        async with asyncio.timeout(TIMEOUT + 1):
            client = await Client.connect(**wanted, data_converter=CONVERTER)
            await client.count_workflows(rpc_timeout=timedelta(seconds=TIMEOUT))
    except TimeoutError as error:
        raise _unreachable(f"did not answer within {TIMEOUT:g} s.", where) from error
    except RPCError as error:
        raise _refused_by_server(error, where, client.namespace) from error
    except (RuntimeError, ValueError) as error:
        raise _unreachable(f"cannot be reached: {_error_message(error)}.", where) from error
    return client


def refuse_unreachable(cluster: Cluster) -> None:
    """Raise ClusterError where the server does not answer, before anything is read or written."""
    asyncio.run(connect(cluster))


def settings(cluster: Cluster) -> dict[str, Any]:
    """Return the arguments of `Client.connect`. Raises ClusterError for invalid variables."""
    try:
        known = ClientConfig.load_client_connect_config(
            disable_file=True,
            override_env_vars={name: value for name, value in variables().items() if value},
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise ClusterError(f"{_error_message(error)}.", where="Temporal's settings") from error
    settings: dict[str, Any] = {"target_host": ADDRESS, "namespace": NAMESPACE, **known}
    if cluster.address:
        settings["target_host"] = cluster.address
    if cluster.namespace:
        settings["namespace"] = cluster.namespace
    return settings


def _refused_by_server(error: RPCError, where: str, namespace: str) -> ClusterError:
    match error.status:
        case RPCStatusCode.NOT_FOUND:
            hint = "Name one with --namespace or TEMPORAL_NAMESPACE."
            return ClusterError(f"has no namespace '{namespace}'.", where=where, hint=hint)
        case RPCStatusCode.UNAUTHENTICATED | RPCStatusCode.PERMISSION_DENIED:
            hint = "Check TEMPORAL_API_KEY, or TEMPORAL_TLS_CLIENT_CERT_PATH and its key."
            return ClusterError(
                f"refused the credentials: {_error_message(error)}.", where=where, hint=hint
            )
        case _:
            return _unreachable(f"cannot be reached: {_error_message(error)}.", where)


def _unreachable(what: str, where: str) -> ClusterError:
    hint = (
        "Name yours with --address or TEMPORAL_ADDRESS, or start one: "
        "`uv run temporal server start-dev`."
    )
    return ClusterError(what, where=where, hint=hint)


def _error_message(error: BaseException) -> str:
    """Return an error on one line; of nested SDK errors, the innermost message."""
    text = " ".join(str(error).split()).rstrip(".")
    found = re.findall(r'message: "([^"]+)"', text)
    return str(found[-1]) if found else text
