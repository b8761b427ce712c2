"""A download request that names a foreign host sends it nothing, least of all a key."""

from __future__ import annotations

import socket

import pytest

from qe_plugins import allowed_hosts

HOST = "gateway.example"


@pytest.fixture
def sought(monkeypatch) -> list[object]:
    """Return the hosts that are looked up or connected to; none is reached."""
    found: list[object] = []

    def refuse(*where: object, **_: object) -> None:
        found.append(where)
        raise OSError("no network in this test")

    monkeypatch.setattr(allowed_hosts, "_allowed", set())
    monkeypatch.setattr(allowed_hosts, "_said", set())
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return found


@pytest.mark.parametrize("url", [f"https://{HOST}", f"https://{HOST}:8443", HOST])
@pytest.mark.parametrize("words", [("estimate",), ("get", "--max-cost", "1")])
def test_a_foreign_gateway_is_refused_and_sent_nothing(qe, request_file, sought, home, words, url):
    config = request_file()
    text = config.read_text()
    config.write_text(text[: text.index("  gateway:")] + f"  gateway: {url}\n")

    refused = qe("data", words[0], config, *words[1:])

    assert (refused.code, refused.out, sought) == (2, "", [])
    [line] = refused.err.splitlines()
    assert f"{HOST}" in line
    assert "is not the vendor's host, and would be sent the key" in line
    assert f"--allow-host {HOST}" in line
    assert not home.folder.exists()


@pytest.mark.parametrize("url", [f"http://{HOST}", f"http://127.0.0.1.{HOST}", f"ftp://{HOST}"])
def test_plain_http_is_refused_even_where_the_host_is_allowed(qe, request_file, sought, url):
    config = request_file()
    text = config.read_text()
    config.write_text(text[: text.index("  gateway:")] + f"  gateway: {url}\n")

    refused = qe("data", "get", config, "--max-cost", "1", "--allow-host", HOST)

    assert (refused.code, sought) == (2, [])
    assert len(refused.err.splitlines()) == 1


def test_symbols_sends_a_foreign_gateway_nothing(qe, gateway, sought):
    days = ("--start", "2013-12-09", "--end", "2013-12-21")

    refused = qe("data", "symbols", "ES.FUT", *days, "--gateway", f"https://{HOST}")

    assert (refused.code, sought) == (2, [])
    assert f"--allow-host {HOST}" in refused.err
