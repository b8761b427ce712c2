"""The vendor's key: from the environment or `.env`, and never in anything that is shown."""

from __future__ import annotations

from qe_plugins.config.env import variables
from qe_plugins.errors import ConfigError
from qe_plugins.saying import keep_secret

NAME = "DATABENTO_API_KEY"
PORTAL = "https://databento.com/portal/keys"


def api_key() -> str:
    """Return the key. Raises ConfigError that says where to get one; it never repeats the value."""
    key = variables().get(NAME, "").strip()
    if not key:
        raise ConfigError(
            "is not set.",
            where=NAME,
            hint=f"Get a key at {PORTAL} and put {NAME}=db-... into .env or the environment.",
        )
    if any(letter.isspace() for letter in key):
        raise ConfigError("holds blanks.", where=NAME, hint=f"Copy it anew from {PORTAL}.")
    keep_secret(key, f"<{NAME}>")
    return key


def without(key: str, text: str) -> str:
    """Return `text` with the key blacked out, whoever put it there."""
    return text.replace(key, f"<{NAME}>")
