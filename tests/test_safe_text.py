"""Text from outside is shown, never executed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins import safe_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\x9b31m", r"\x9b31m"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("ze\u200bro", r"ze\u200bro"),
        ("Σ – é", "Σ – é"),
    ],
)
def test_what_acts_on_a_terminal_is_spelled_out(text: str, shown: str) -> None:
    assert safe_text.shown(text) == shown


def test_lines_stay_where_they_are_wanted() -> None:
    assert safe_text.shown("a\n\tb\x07", lines=True) == "a\n\tb\\x07"


@given(st.text())
def test_no_control_character_is_left(text: str) -> None:
    assert not safe_text.SHOWN_OTHERWISE.search(safe_text.shown(text))


@given(st.text())
def test_json_stays_the_same_json(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    document = json.dumps({"a": text}, ensure_ascii=False)
    safe = safe_text.json_shown(document)
    assert json.loads(safe) == {"a": text}
    assert not safe_text.SHOWN_OTHERWISE.search(safe)
