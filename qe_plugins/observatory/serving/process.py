"""The process: one loopback socket, uvicorn, and the printed address."""

from __future__ import annotations

import socket
from collections.abc import Callable

import msgspec
import uvicorn

from qe_plugins.errors import QeError
from qe_plugins.observatory.serving.app import Observatory
from qe_plugins.observatory.settings import ADDRESS, ObservatorySettings

LARGEST_HEADER = 32_768


def serve(settings: ObservatorySettings, started: Callable[[str], None]) -> None:
    """Serve until Ctrl-C. `started` gets the address with its key once the port is bound.

    A port of 0 takes a free one. Raises QeError where the port is taken.
    """
    with _bound(settings.port) as opened:
        port = opened.getsockname()[1]
        served = Observatory(msgspec.structs.replace(settings, port=port))
        config = uvicorn.Config(
            served.app(),
            access_log=False,
            date_header=False,
            h11_max_incomplete_event_size=LARGEST_HEADER,
            http="h11",
            lifespan="on",
            limit_concurrency=100,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            ws="none",
        )
        started(entry_address(served))
        uvicorn.Server(config).run(sockets=[opened])


def entry_address(served: Observatory) -> str:
    """Return the address that lets one browser in, once."""
    return f"{served.settings.address}/enter?key={served.key.renew()}"


def _bound(port: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((ADDRESS, port))
        opened.listen(128)
    except (OSError, OverflowError) as error:
        opened.close()
        raise QeError(
            f"port {port} of {ADDRESS} cannot be bound: {error}.",
            where="observatory",
            hint="Another Observatory may run; name a free one with --port.",
        ) from error
    return opened
