"""What is written under `instruments:` and is no contract of the tape, with the right form."""

from __future__ import annotations

import re

from qe_plugins.errors import DataError, did_you_mean
from qe_plugins.market.keys import DATED

CONTINUOUS = re.compile(r"[A-Z0-9]{1,3}(\.[a-zA-Z]\.?\d{1,2}(\..+)?|\d!|=F)")


def unknown(text: str, known: list[str], place: str) -> DataError:
    """Return the error that says what `text` is and which id to write; `known` are the ids."""
    example = known[0]
    if CONTINUOUS.fullmatch(text):
        return DataError(
            f"'{text}' is a continuous series, which feeds signals and is not traded.",
            where=place,
            hint=f"Write a dated contract such as '{example}'.",
        )
    bare = text.split(".")[0]
    if DATED.fullmatch(bare):
        return _unknown_contract(text, bare, known, place)
    roots = [one for one in known if DATED.sub(r"\g<root>", one.split(".")[0]) == bare]
    if roots:
        return DataError(
            f"'{text}' is a root, which names no contract.",
            where=place,
            hint=f"Write {' or '.join(repr(one) for one in roots[:3])}.",
        )
    hint = did_you_mean(text.upper(), known) or _has(known)
    return DataError(f"the data has no contract '{text}'.", where=place, hint=hint)


def _unknown_contract(text: str, bare: str, known: list[str], place: str) -> DataError:
    same = [one for one in known if _one_digit(one) == _one_digit(bare)]
    exact = [one for one in known if one.split(".")[0] == bare]
    if exact:
        return DataError(f"'{text}' is not the whole id.", where=place, hint=f"Write '{exact[0]}'.")
    if same and len(bare) < len(same[0].split(".")[0]):
        return DataError(
            f"'{text}' has one year digit, which comes back every ten years.",
            where=place,
            hint=f"Write {' or '.join(repr(one) for one in same)}.",
        )
    hint = did_you_mean(text, known)
    return DataError(
        f"the data has no contract '{text}'.",
        where=place,
        hint=f"{hint} {_has(known)}" if hint else _has(known),
    )


def _one_digit(text: str) -> str:
    found = DATED.fullmatch(text.split(".")[0])
    return f"{found['root']}{found['month']}{found['year'][-1]}" if found else text


def _has(known: list[str]) -> str:
    return f"It has {', '.join(known[:8])}{' and more' if len(known) > 8 else ''}."
