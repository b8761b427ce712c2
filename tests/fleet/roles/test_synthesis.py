"""SYNTHESIS writes a page whose figures are code's and whose first line says what was learned."""

from __future__ import annotations

import dataclasses

import pytest

from qe_plugins.fleet.roles import RoleContext, run_role
from qe_plugins.fleet.roles.synthesis import ReportAnswer, outcome
from qe_plugins.fleet.sessions import SessionEnd, SessionResult
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins.types import Role
from tests.fleet.conftest import market

PNL = {"pnl": "12.50", "commissions": "1.24"}
FACTS = {
    FactKind.TRADE: [Fact(id="trade:1", kind=FactKind.TRADE, ts_event=1, source="s", body=PNL)],
    FactKind.PROPOSAL: [
        Fact(
            id="proposal:1",
            kind=FactKind.PROPOSAL,
            ts_event=1,
            source="s",
            body={"title": "<b>wider</b>", "reason": "seen", "change": {"plugins.x.stop": 4}},
        )
    ],
}


@pytest.fixture
def context(small):
    known = market(minutes=500)

    def facts(kinds, until, limit):
        return [one for kind in kinds for one in FACTS.get(kind, [])]

    return RoleContext(loaded=small(), market=known, as_of=known.as_of, facts=facts)


def test_a_day_without_lessons_says_so_in_its_first_line(context):
    found = run_role(Role.SYNTHESIS, context).found

    assert found.markdown.startswith("Nothing was learned.\n")
    assert found.html.count("Nothing was learned.") == 1
    assert "earned 12.50" in found.markdown
    assert found.wrong_figures == ()


def test_a_proposal_is_a_difference_and_never_markup(context):
    found = run_role(Role.SYNTHESIS, context).found

    assert "+ plugins.x.stop: 4" in found.diffs[0]
    assert "<b>" not in found.html
    assert "&lt;b&gt;wider" in found.html


def test_a_text_with_a_wrong_figure_is_left_out_and_the_table_stays(context):
    answer = ReportAnswer(summary="The desk earned 99 today.")
    session = SessionResult(session="s", role="S", end=SessionEnd.ANSWERED, answer=answer)
    found = outcome(dataclasses.replace(context), session)

    assert found.wrong_figures == ("99",)
    assert "99" not in found.markdown
    assert "| earned | 12.50" in found.markdown
