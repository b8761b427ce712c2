"""A cluster behind TLS that wants a certificate of its clients, as real ones do."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from qe_plugins.cluster.connection import Cluster, connect
from qe_plugins.errors import ClusterError

NAME = "cluster.example"


class Guard:
    """The certificates of one authority, and a door that lets in who has one."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self._authority, self._server = authority, authority.issue_cert(NAME)
        self.files = {
            "SERVER_CA_CERT_PATH": folder / "ca.pem",
            "CLIENT_CERT_PATH": folder / "client.pem",
            "CLIENT_KEY_PATH": folder / "client.key",
        }
        client = authority.issue_cert("desk.example")
        authority.cert_pem.write_to_path(self.files["SERVER_CA_CERT_PATH"])
        client.cert_chain_pems[0].write_to_path(self.files["CLIENT_CERT_PATH"])
        client.private_key_pem.write_to_path(self.files["CLIENT_KEY_PATH"])

    @contextlib.asynccontextmanager
    async def before(self, address: str) -> AsyncIterator[str]:
        """Yield the address of a TLS door before another address."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        context.set_alpn_protocols(["h2"])
        self._server.configure_cert(context)
        self._authority.configure_trust(context)
        host, port = address.split(":")

        async def through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_connection(host, int(port))
            await asyncio.gather(_pipe(reader, back), _pipe(there, writer))

        door = await asyncio.start_server(through, "127.0.0.1", 0, ssl=context)
        yield f"127.0.0.1:{door.sockets[0].getsockname()[1]}"
        door.close()
        door.abort_clients()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture
def guard(tmp_path):
    return Guard(tmp_path)


def answers(guard: Guard, address: str) -> bool:
    async def ask() -> bool:
        async with guard.before(address) as door:
            client = await connect(Cluster(address=door, queue="q"))
            return await client.service_client.check_health()

    return asyncio.run(ask())


def test_whoever_has_a_certificate_is_let_in(cluster, guard, monkeypatch):
    monkeypatch.setenv("TEMPORAL_TLS_SERVER_NAME", NAME)
    for name, file in guard.files.items():
        monkeypatch.setenv(f"TEMPORAL_TLS_{name}", str(file))

    assert answers(guard, cluster.address)


def test_whoever_has_none_is_told_in_one_line(cluster, guard, monkeypatch):
    monkeypatch.setenv("TEMPORAL_TLS_SERVER_NAME", NAME)
    monkeypatch.setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", str(guard.files["SERVER_CA_CERT_PATH"]))

    with pytest.raises(ClusterError, match="cannot be reached") as told:
        answers(guard, cluster.address)
    assert "\n" not in str(told.value)


def test_whoever_comes_without_tls_is_told_in_one_line(cluster, guard):
    with pytest.raises(ClusterError, match=r"cannot be reached|did not answer") as told:
        answers(guard, cluster.address)
    assert "\n" not in str(told.value)
