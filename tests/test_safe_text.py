"""Text from outside is shown, never executed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins import safe_text
from qe_plugins.cli import COMMANDS


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


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_in_a_hint_is_written_as_it_is_typed_in_a_clone(command: str) -> None:
    hint = f"See `qe {command}`, or uv run qe {command} --help."

    assert safe_text.with_uv(hint) == f"See `uv run qe {command}`, or uv run qe {command} --help."


@pytest.mark.parametrize("text", ["Run qe inside the project.", "bin/qe data get", "qe datasets"])
def test_what_is_no_command_stays_as_it_is(text: str) -> None:
    assert safe_text.with_uv(text) == text
