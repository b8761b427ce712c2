"""Hosts to which a key may be sent: the vendors' own, this machine, and those that the user allows.

A configuration file cannot add one, because it may come from others. `--allow-host` can, and
`allow_hosts:` in the user's own `settings.yaml`, in the state folder.
"""

from __future__ import annotations

import ipaddress
import sys
from urllib.parse import urlsplit

import yaml

from qe_plugins import state_dir
from qe_plugins.errors import ConfigError
from qe_plugins.safe_text import shown

VENDORS = frozenset(
    {
        "api.anthropic.com",
        "api.deepseek.com",
        "api.openai.com",
        "hist.databento.com",
    }
)
SETTINGS = "settings.yaml"
LARGEST = 100_000

_allowed: set[str] = set()
_said: set[str] = set()


def allow(host: str) -> None:
    """Allow a host, `gateway.example` or `gateway.example:8443`, for this process."""
    _allowed.add(host.lower())


def check(url: str, *, what: str) -> None:
    """Raise ConfigError unless the key of `what` may be sent to `url`.

    Writes a note to standard error, once a host, for a host that is not a vendor's.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise ConfigError(f"{shown(url)!r} is no address: {error}.", where=what) from error
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        hint = "Write it as https://HOST or https://HOST:PORT."
        raise ConfigError(f"{shown(url)!r} is no address.", where=what, hint=hint)
    here = _is_this_machine(host)
    if parts.scheme != "https" and not here:
        message = f"a key is not sent over plain http to {shown(host)}."
        raise ConfigError(message, where=what, hint="Use https.")
    if host in VENDORS and port in (None, 443):
        return
    full = host if port is None else f"{host}:{port}"
    if not here and not {host, full} & (_allowed | _users_own()):
        raise ConfigError(
            f"{shown(full)} is not the vendor's host, and would be sent the key.",
            where=what,
            hint=f"Allow it with --allow-host {shown(host)}, or in "
            f"{state_dir.state_dir() / SETTINGS}.",
        )
    if full not in _said:
        _said.add(full)
        sys.stderr.write(f"note: {what} is at {shown(full)}, not the vendor's host\n")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _users_own() -> set[str]:
    """Return `allow_hosts` of the user's settings. Raises ConfigError where it is not a list."""
    file = state_dir.state_dir() / SETTINGS
    try:
        text = file.read_text(encoding="utf-8") if file.stat().st_size <= LARGEST else ""
        hosts = (yaml.safe_load(text) or {}).get("allow_hosts") or []
        return {str(host).lower() for host in [*hosts]}
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, AttributeError, TypeError, yaml.YAMLError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        hint = "Write `allow_hosts: [HOST]`."
        raise ConfigError(f"cannot be read: {said}.", where=str(file), hint=hint) from error
