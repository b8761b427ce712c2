"""Clean text from outside for journals, tables and terminals, redact secrets, and name errors.

A model, a headline or a plugin may return half of an emoji (a lone surrogate), which cannot be
written as UTF-8. One such character must not lose a finished run.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any

REPLACEMENT = "\ufffd"
UNWRITABLE = re.compile("[\x00\ud800-\udfff]")
"""Lone surrogates, which UTF-8 does not hold, and NUL, which Postgres does not."""

SHOWN_OTHERWISE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
"""Control characters, which a terminal executes, and marks that hide or reverse text."""

JSON_OTHERWISE = re.compile(SHOWN_OTHERWISE.pattern.replace("\x00-\x1f", ""))
"""The characters of SHOWN_OTHERWISE that JSON itself does not escape."""

COMMAND = re.compile(
    r"(?<!uv run )(?<![\w./-])(qe (?:ablate|backtest|check|compare|completion|data|desk|doctor"
    r"|factors|features|flatten|fleet|halt|hooks|init|journal|ladder|live|lookahead|mcp|new"
    r"|observatory|options|paper|parity|plugins|rehearse|report|resume|runs|schema|show|status"
    r"|sweep|walkforward|watch|worker)\b|pytest tests)"
)
"""A command in a hint, of this program (all of them, which a test compares) or of its tests."""

DEEPEST = 100
"""Maximum depth of nested facts."""


LEAST = 4
"""Minimum length of a secret in characters: shorter ones would match in any text."""

_secrets: dict[str, str] = {}


def keep_secret(value: str, shown: str) -> None:
    """Replace `value` by `shown`, such as `${API_KEY}`, in all text that is shown or stored.

    Its forms in JSON and HTML are replaced too. Values shorter than LEAST are ignored.
    """
    if len(value) >= LEAST:
        as_json = json.dumps(value, ensure_ascii=False)[1:-1]
        for one in (value, as_json, json.dumps(value)[1:-1], html.escape(value), repr(value)[1:-1]):
            _secrets[one] = shown


def redacted(text: str) -> str:
    """Return text without the values passed to `keep_secret`, longest first."""
    for value in sorted(_secrets, key=len, reverse=True):
        text = text.replace(value, _secrets[value])
    return text


def writable(text: str) -> str:
    """Return text without secrets, and with U+FFFD for each character that cannot be written."""
    if _secrets:
        text = redacted(text)
    return text if text.isascii() and "\x00" not in text else UNWRITABLE.sub(REPLACEMENT, text)


def shown(text: str, *, lines: bool = False) -> str:
    """Return text as one line to show, each control character as `\\x1b` or `\\u202e`.

    With `lines`, line feeds and tabs are not replaced.
    """
    if text.isascii() and text.isprintable() and not _secrets:
        return text

    def escaped(found: re.Match[str]) -> str:
        if lines and found[0] in "\n\t":
            return found[0]
        return found[0].encode("unicode_escape").decode()

    return SHOWN_OTHERWISE.sub(escaped, writable(text))


def json_shown(text: str) -> str:
    """Return JSON text to show: without secrets, with marks that act on a terminal as `\\u202e`."""
    return JSON_OTHERWISE.sub(lambda found: f"\\u{ord(found[0]):04x}", redacted(text))


def with_uv(text: str) -> str:
    """Return text whose commands begin with `uv run`, as they are typed in a fresh clone."""
    return COMMAND.sub(r"uv run \1", text)


def in_words(what: object) -> str:
    """Return `str(what)`, writable; where that raises, the type of the object."""
    try:
        return writable(str(what))
    except Exception as error:
        return f"<{type(what).__name__} whose text raises {type(error).__name__}>"


def named(error: BaseException) -> str:
    """Return an exception as `ValueError: message`, writable, also where its `__str__` raises."""
    return f"{type(error).__name__}: {in_words(error)}"


def one_line(error: BaseException) -> str:
    """Return an exception as `named`, on one line."""
    return " ".join(named(error).split())


def written(value: Any, depth: int = 0) -> Any:
    """Return plain data with all its text writable.

    Raises ValueError for data nested deeper than DEEPEST, such as a mapping that contains itself.
    """
    if depth > DEEPEST:
        raise ValueError(f"nested deeper than {DEEPEST} levels")
    if isinstance(value, str):
        return writable(value) if type(value) is str else value
    if isinstance(value, dict):
        return {written(key): written(one, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [written(one, depth + 1) for one in value]
    if type(value) is tuple:
        return tuple(written(one, depth + 1) for one in value)
    return value
