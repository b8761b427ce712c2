"""A key goes to the vendor, to this machine, or where the user himself allows it."""

from __future__ import annotations

import pytest

from qe_plugins import allowed_hosts, state_dir
from qe_plugins.errors import ConfigError


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowed_hosts, "_allowed", set())
    monkeypatch.setattr(allowed_hosts, "_said", set())


def test_the_vendors_own_hosts_need_no_word(capsys: pytest.CaptureFixture[str]) -> None:
    allowed_hosts.check("https://api.deepseek.com/v1", what="provider deepseek")
    allowed_hosts.check("https://hist.databento.com", what="databento.gateway")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "http://[::1]:9", "http://localhost:8"])
def test_this_machine_is_allowed_and_said(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    allowed_hosts.check(url, what="provider deepseek")
    assert capsys.readouterr().err.startswith("note: provider deepseek is at ")


@pytest.mark.parametrize(
    "url",
    [
        "https://gateway.example",
        "https://api.deepseek.com.gateway.example",
        "https://api.deepseek.com@gateway.example/",
        "https://api.deepseek.com:8443",
        "http://api.deepseek.com",
        "http://127.0.0.1.gateway.example",
        "ftp://127.0.0.1",
        "https://",
        "api.deepseek.com",
        "https://[::1",
        "https://a:port",
        "https://gateway.example\x1b[2J",
        "http://2130706433/",
        "",
    ],
)
def test_any_other_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        allowed_hosts.check(url, what="provider deepseek")
    assert str(caught.value).isprintable()


def test_the_user_may_allow_one(capsys: pytest.CaptureFixture[str]) -> None:
    allowed_hosts.allow("Gateway.example")
    allowed_hosts.check("https://gateway.example:8443/v0", what="databento.gateway")
    said = "note: databento.gateway is at gateway.example:8443, not the vendor's host\n"
    assert capsys.readouterr().err == said
    with pytest.raises(ConfigError, match="plain http"):
        allowed_hosts.check("http://gateway.example", what="databento.gateway")


def test_the_users_own_settings_may_allow_one() -> None:
    state_dir.state_dir().mkdir(parents=True)
    (state_dir.state_dir() / "settings.yaml").write_text("allow_hosts: [gateway.example]\n")
    allowed_hosts.check("https://gateway.example", what="databento.gateway")


@pytest.mark.parametrize("text", ["allow_hosts: 7\n", "- a\n", "{", "\x00"])
def test_settings_that_cannot_be_read_are_one_line(text: str) -> None:
    state_dir.state_dir().mkdir(parents=True)
    (state_dir.state_dir() / "settings.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"settings\.yaml: cannot be read"):
        allowed_hosts.check("https://gateway.example", what="databento.gateway")
