"""The vendor's errors as messages for the user; the API key, which no message contains."""

from __future__ import annotations

import requests
from databento.common.error import BentoHttpError

from qe_plugins.config.env import variables
from qe_plugins.data.databento.retry import UnreadableError
from qe_plugins.errors import ConfigError, DataError, QeError
from qe_plugins.safe_text import keep_secret, shown

NAME = "DATABENTO_API_KEY"
PORTAL = "https://databento.com/portal/keys"


def api_key() -> str:
    """Return the key. Raises ConfigError where it is missing; no message contains its value."""
    key = variables().get(NAME, "").strip()
    if not key:
        raise ConfigError(
            "is not set.",
            where=NAME,
            hint=f"Get a key at {PORTAL} and put {NAME}=db-... into .env or the environment.",
        )
    if any(letter.isspace() for letter in key):
        raise ConfigError("holds blanks.", where=NAME, hint=f"Copy it again from {PORTAL}.")
    keep_secret(key, f"<{NAME}>")
    return key


def without(key: str, text: str) -> str:
    """Return `text` with the key masked."""
    return text.replace(key, f"<{NAME}>")


LATER = "Wait a little and run the command again: finished files are kept."
HINTS = {
    401: f"Check {NAME}: {PORTAL} shows your keys.",
    402: "Check the billing page of your account at https://databento.com/portal.",
    403: "Your plan does not include this; see https://databento.com/portal.",
    422: "Check the symbols and the dates in the request file.",
    429: LATER,
}


def refusal(error: BaseException, what: str, key: str) -> QeError:
    """Return the error to show for `error`, raised by the request `what`."""
    if isinstance(error, QeError):
        return error
    if isinstance(error, BentoHttpError):
        text = f"Databento answered {error.http_status}: {_vendor_message(error)}"
        hint = HINTS.get(error.http_status, LATER if error.http_status >= 500 else None)
    elif isinstance(error, UnreadableError | requests.exceptions.InvalidJSONError):
        text, hint = f"Databento's answer cannot be read: {_short_text(error)}.", LATER
    elif isinstance(error, requests.exceptions.SSLError):
        text, hint = "the vendor's certificate is not trusted.", "Check the gateway's address."
    elif isinstance(error, requests.Timeout):
        text, hint = "Databento did not answer in time.", LATER
    elif isinstance(error, requests.ConnectionError):
        text, hint = "Databento cannot be reached.", "Check the network, then run it again."
    else:
        text, hint = f"the stream was cut again and again ({error}).", LATER
    return DataError(without(key, text), where=what, hint=hint)


def _short_text(error: BaseException) -> str:
    return " ".join(str(error).split())[:120].rstrip(".")


def _vendor_message(error: BentoHttpError) -> str:
    """Return the vendor's message on one line, with a full stop."""
    lines = (str(error.message or "") or "no reason given").splitlines()
    said = [line for line in lines if not line.startswith("documentation:")]
    return f"{shown(': '.join(said))[:300].rstrip('.')}."
