"""A fleet that names another host than a vendor's sends it nothing, least of all a key."""

from __future__ import annotations

import socket
import sys

import pytest

from qe_plugins import allowed_hosts, cli
from tests.fleet.models import KEYS

HOST = "models.example"


@pytest.fixture
def sought(monkeypatch) -> list[object]:
    """Return the hosts that are looked up or connected to; none is reached."""
    found: list[object] = []

    def refuse(*where: object, **_: object) -> None:
        found.append(where)
        raise OSError("no network in this test")

    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)
    monkeypatch.setattr(allowed_hosts, "_allowed", set())
    monkeypatch.setattr(allowed_hosts, "_said", set())
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return found


@pytest.mark.parametrize("command", ["scan", "run"])
@pytest.mark.parametrize(
    ("url", "says"),
    [
        (f"https://{HOST}/v1", f"'{HOST}' is not the vendor's host, and would be sent the key"),
        (f"https://api.deepseek.com.{HOST}/v1", "is not the vendor's host"),
        ("https://api.deepseek.com:8443/v1", "is not the vendor's host"),
        ("http://api.deepseek.com/v1", "not sent over plain http"),
    ],
)
def test_a_foreign_base_url_is_refused_and_sent_nothing(
    fleet_file, sought, monkeypatch, capsys, tmp_path, command, url, says
):
    file = fleet_file(provider="models", base_urls={"deepseek": url})
    monkeypatch.setattr(sys, "argv", ["qe", "fleet", command, str(file)])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert (ended.value.code, sought) == (2, [])
    [line] = capsys.readouterr().err.splitlines()
    assert says.replace("'", "") in line.replace("'", "")
    assert "deepseek" in line
    assert not any(key in line for key in KEYS.values())
    assert not list((tmp_path / "home").rglob("fleet/scans/*"))
