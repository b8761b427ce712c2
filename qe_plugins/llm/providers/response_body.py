"""Decode the body of a provider's response."""

from __future__ import annotations

import msgspec

from qe_plugins.llm.providers.base import Truncated
from qe_plugins.llm.providers.http_errors import said, without
from qe_plugins.llm.providers.strict_json import UNREADABLE, refuse_duplicates
from qe_plugins.safe_text import one_line


def envelope[T](content: bytes, decoder: msgspec.json.Decoder[T], what: str, key: str) -> T:
    """Return the body of a response with status 200. Raises Truncated where it is not `what`.

    It may have been charged, because its status is 200.
    """
    try:
        decoded = decoder.decode(content)
        refuse_duplicates(content.decode())
    except UNREADABLE as error:
        failure = Truncated(f"not {what}: {_why(error)}{_told(content, key)}")
    else:
        return decoded
    raise failure


def _why(error: BaseException) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else one_line(error)


def _told(content: bytes, key: str) -> str:
    """Return the error in a body, so that the message names it besides the wrong shape."""
    if b'"error"' not in content[:2_000]:
        return ""
    return f" ({without(key, said(content, key))})"
