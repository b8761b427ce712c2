"""Where two runs differ, and who is named for it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from qe_plugins.research.lookahead.decisions import Decision, DecisionRecorder, difference

MINUTE = 60_000_000_000
BAR = "ESZ13.XCME-1-MINUTE-LAST-EXTERNAL"


def decided(kind: str, source: str, what: str = "", ts: int = MINUTE) -> Decision:
    """Return a decision in ESZ13 at the close of a bar."""
    return Decision(
        ts=ts, kind=kind, source=source, contract="ESZ13.XCME", bar=BAR, bar_ts=ts, what=what
    )


VOTE, ORDER, VETO = (
    decided("vote", "hunter"),
    decided("order", "cross"),
    decided("veto", "guardian"),
)
OTHER, AGAIN = decided("vote", "other"), decided("order", "cross", "smaller")


@pytest.mark.parametrize(
    ("whole", "part", "named"),
    [
        ([VOTE, ORDER], [ORDER], VOTE),
        ([ORDER], [VOTE, ORDER], VOTE),
        ([ORDER, VETO], [ORDER], VETO),
        ([ORDER, VETO, AGAIN], [ORDER], VETO),
        ([ORDER], [ORDER, VETO], VETO),
        ([VOTE, OTHER, ORDER], [OTHER, ORDER], VOTE),
        ([OTHER, ORDER], [VOTE, OTHER, ORDER], VOTE),
        ([ORDER], [AGAIN], ORDER),
        ([ORDER], [], ORDER),
    ],
)
def test_the_first_decision_that_is_missing_or_new_is_named(
    whole: list[Decision], part: list[Decision], named: Decision
) -> None:
    found = difference(whole, part)
    assert found is not None
    assert found.culprit == named


def test_the_same_decisions_do_not_differ() -> None:
    assert difference([VOTE, ORDER], [VOTE, ORDER]) is None


def test_a_decision_that_changed_is_told_on_both_sides() -> None:
    found = difference([VOTE, ORDER], [VOTE, AGAIN])
    assert found is not None
    assert (found.first, found.second) == (ORDER, AGAIN)


def test_a_file_that_was_opened_is_listed_before_the_decision_that_follows() -> None:
    opened = [["bars.parquet"], []]
    log = DecisionRecorder(lambda: opened.pop(0))
    log.exception_trap = SimpleNamespace(current_event=None)
    log.clock = SimpleNamespace(timestamp_ns=lambda: MINUTE)
    log.note_failure("hunter", "raised")
    assert [(one.kind, one.source, one.what) for one in log.decisions] == [
        ("opening", "hunter", "bars.parquet"),
        ("failure", "hunter", "raised"),
    ]
