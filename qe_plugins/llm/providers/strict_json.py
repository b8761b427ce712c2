"""Strict JSON: errors of decoding, and duplicate keys."""

from __future__ import annotations

import json
from typing import Any

import msgspec

UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError)
"""The exceptions of decoding invalid bytes or text."""


def refuse_duplicates(text: str) -> None:
    """Raise ValueError for JSON with a duplicate key, which is ambiguous."""
    json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) > 1 and len({name for name, _ in pairs}) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is there twice")
