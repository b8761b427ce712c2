"""Any answer or exception of a plugin: a veto stays a veto, and no run is lost at its end."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from qe_plugins import OrderRequest, Plugin, Proposal, Review, Trade, Veto, hookimpl
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from tests.command import qe
from tests.engine import traders

Run = Callable[..., BacktestResult]
HALF = "cut \ud83d here"
"""A headline cut in the middle of an emoji."""


class Unspeakable(Exception):  # noqa: N818 - as a plugin may call it
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Guardian(Plugin):
    """Returns a given answer to each order, or raises it."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    @hookimpl
    def veto_order(self, order: OrderRequest) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class Analyst(Plugin):
    """Reviews each trade with given text and facts."""

    def __init__(self, **changes: Any) -> None:
        super().__init__()
        self.changes = changes

    @hookimpl
    def trade_closed(self, trade: Trade) -> Any:
        return Review(**{"trade_id": trade.id, "summary": "well"} | self.changes)

    @hookimpl
    def session_closed(self, session: str) -> Any:
        change = self.changes.get("facts", {})
        return Proposal(title=self.changes.get("summary", "more"), reason="why", change=change)


def journaled(outcome: BacktestResult) -> list[Any]:
    """Return the facts of a run as its journal returns them."""
    with Journal.open() as journal:
        journal.write_run(outcome.run_id, outcome.name, outcome.started, outcome.facts)
        return journal.facts(outcome.run_id)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Veto(""), "no reason given"),
        (Veto("  \n"), "no reason given"),
        (Veto(None), "no reason given"),  # type: ignore[arg-type]
        (Veto(7), "7"),  # type: ignore[arg-type]
        (Veto(HALF), "cut \ufffd here"),
        (Veto("\x00"), "\ufffd"),
        (Unspeakable(), "raised Unspeakable: <Unspeakable whose text raises RuntimeError>"),
        (ValueError(HALF), "raised ValueError: cut \ufffd here"),
        (SystemExit(0), "raised SystemExit: 0"),
        ("", "must return Veto or None, was ''"),
        (0, "must return Veto or None, was 0"),
    ],
    ids=map(str, range(11)),
)
def test_a_veto_is_a_veto_whatever_its_reason(trade: Run, answer: Any, reason: str) -> None:
    outcome = trade("BuysAtMarket", Guardian(answer))
    assert outcome.fills.is_empty()
    assert outcome.orders["status"].to_list() == ["DENIED"]
    [reason_shown] = outcome.orders["reason"].to_list()
    received = [event for event in traders.BuysAtMarket.heard if isinstance(event, tuple)]
    [veto] = [fact for fact in journaled(outcome) if fact.kind is FactKind.VETO]
    assert reason in reason_shown
    assert ("on_order_denied", reason_shown) in received
    assert reason in veto.body["reason"]


def test_text_that_no_file_takes_is_made_writable(trade: Run) -> None:
    outcome = trade("BuysThenSells", Analyst(summary=HALF, facts={HALF: [HALF, (HALF,)], "n": 1}))
    facts = journaled(outcome)
    [review] = [fact for fact in facts if fact.kind is FactKind.REVIEW]
    [proposal] = [fact for fact in facts if fact.kind is FactKind.PROPOSAL]
    text = "cut \ufffd here"
    assert review.body["summary"] == proposal.body["title"] == text
    assert review.body["facts"] == {text: [text, [text]], "n": 1}


def cyclic() -> dict[str, Any]:
    facts: dict[str, Any] = {}
    facts["itself"] = facts
    return facts


def deep() -> Any:
    facts: Any = 1
    for _ in range(100_000):
        facts = [facts]
    return {"deep": facts}


@pytest.mark.parametrize(
    "changes",
    [
        {"facts": {"a complex": 1j}},
        {"facts": {"an object": object()}},
        {"facts": cyclic()},
        {"facts": deep()},
        {"facts": {1: "a key"}},
        {"facts": "no mapping"},
        {"trade_id": "another"},
        {"trade_id": None},
        {"trade_id": HALF},
    ],
    ids=map(str, range(9)),
)
def test_a_review_that_no_journal_takes_is_a_failure_and_the_run_stands(
    trade: Run, changes: dict[str, Any]
) -> None:
    outcome = trade("BuysThenSells", Analyst(**changes))
    facts = journaled(outcome)
    assert len(outcome.fills) == 2
    assert not any(fact.kind is FactKind.REVIEW for fact in facts)
    failed = [fact.body["hook"] for fact in facts if fact.kind is FactKind.FAILURE]
    assert failed[0] == "trade_closed"
    [stats] = outcome.plugins
    assert (stats.failed, stats.answered) == (len(failed), 2 - len(failed))


def test_plain_figures_of_any_kind_are_recorded(trade: Run) -> None:
    figures = {"decimal": Decimal("1.5"), "tuple": (1, 2), "none": None, "nan": float("nan")}
    [review] = [
        fact
        for fact in journaled(trade("BuysThenSells", Analyst(facts=figures)))
        if fact.kind is FactKind.REVIEW
    ]
    assert review.body["facts"] == {"decimal": "1.5", "tuple": [1, 2], "none": None, "nan": None}


QUITS = """
import sys
from nautilus_trader.trading import Strategy

class Quits(Strategy):
    {where}
"""
PLACES = {
    "its import": "pass\nsys.exit(0)",
    "its making": "def __init__(self, config=None):\n        sys.exit(0)",
    "its start": "def on_start(self):\n        sys.exit(0)",
    "its stop": "def on_stop(self):\n        raise KeyError('late')",
    "another exit": "def on_start(self):\n        raise type('Gone', (BaseException,), {})('x')",
}


@pytest.mark.parametrize(
    "place",
    [
        "its start",
        *(pytest.param(one, marks=pytest.mark.long) for one in PLACES if one != "its start"),
    ],
)
def test_a_strategy_that_exits_is_an_error_with_its_name(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "project"
    for package in ("strategies", "agents"):
        (root / package).mkdir(parents=True)
        (root / package / "__init__.py").touch()
    (root / "strategies" / "quits.py").write_text(QUITS.format(where=PLACES[place]))
    run = {
        "name": "quits",
        "data": {"synthetic": {"sessions": 1, "contracts": 1}},
        "strategies": {"quits": {}},
    }
    (root / "run.yaml").write_text(yaml.safe_dump(run))
    done = qe("backtest", "run.yaml", "--json", cwd=root)
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error:")
    assert any(name in last for name in ("SystemExit", "Gone", "KeyError"))
    assert "uits" in last
