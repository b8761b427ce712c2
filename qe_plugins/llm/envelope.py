"""What a provider wraps an answer in, decoded; and JSON that says one thing twice."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from qe_plugins.llm.failing import said, without
from qe_plugins.llm.provider import Cut
from qe_plugins.saying import one_line

UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError)
"""What decoding raises for bytes or text that are not what they should be."""


def envelope[T](content: bytes, decoder: msgspec.json.Decoder[T], what: str, key: str) -> T:
    """Return the body of an answer with status 200. Raises Cut where it is not `what`.

    It may have been charged: where it stood that it was not, the status would have been another.
    """
    try:
        decoded = decoder.decode(content)
        refuse_duplicates(content.decode())
    except UNREADABLE as error:
        failure = Cut(f"not {what}: {_why(error)}{_told(content, key)}")
    else:
        return decoded
    raise failure


def refuse_duplicates(text: str) -> None:
    """Raise ValueError for JSON that names a key twice: which of the two is meant is not known."""
    json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) > 1 and len({name for name, _ in pairs}) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is there twice")


def _why(error: BaseException) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else one_line(error)


def _told(content: bytes, key: str) -> str:
    """Return what a body says of an error, so that it is not hidden behind its shape."""
    if b'"error"' not in content[:2_000]:
        return ""
    return f" ({without(key, said(content, key))})"
