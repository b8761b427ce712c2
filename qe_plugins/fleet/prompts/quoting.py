"""Text from outside as a quotation: bounded, on one line, and unable to end its own marks."""

from __future__ import annotations

import unicodedata

OPEN, CLOSE = "«", "»"


def quoted(what: str, text: str, longest: int) -> str:
    """Return `text` as a quotation named `what`, of at most `longest` characters.

    Control and invisible characters become spaces, so that nothing in it can look like a new line,
    a new message or the end of the quotation.
    """
    plain = "".join(_plain(letter) for letter in unicodedata.normalize("NFKC", text))
    line = " ".join(plain.split())
    cut = line if len(line) <= longest else f"{line[: longest - 1]}…"
    return f"{what} {OPEN}{cut}{CLOSE}"


def _plain(letter: str) -> str:
    if letter in (OPEN, CLOSE):
        return "'"
    return letter if unicodedata.category(letter)[0] in "LNPSM" else " "
