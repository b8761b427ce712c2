"""A night of the desk from its first hunt to the report at seven: rules, and models of a vendor."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from qe_plugins import state_dir
from qe_plugins.desk.records import StepState
from qe_plugins.fleet.messaging.outbox import Outbox
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.journal.trace import causal_chain
from qe_plugins.llm.ledger import Ledger
from qe_plugins.report.day.morning import day_report
from tests.desk.night import DAY, MORNING, Night, night
from tests.fleet.models import KEYS, ONE_VENDOR, vendor

FIRST, SECOND = "hunt:2024-01-03T09:00:00Z", "hunt:2024-01-03T09:15:00Z"
REPORT = "report:2024-01-03T13:00:00Z"
PROPOSED = {
    "instrument": "instrument A",
    "timeframe": "1m",
    "side": "long",
    "confidence": 0.52,
    "stop": 3.0,
    "reward": 2.0,
    "horizon": 60,
    "expires": 10,
    "reason": "the window trends",
}
SAID = {
    "signals": [PROPOSED],
    "part": 1.0,
    "long": True,
    "short": True,
    "halt": False,
    "minutes": 15,
    "lessons": [],
}
LOOK = ("features", {"instrument": "instrument A", "timeframe": "1m", "bars": 60})


def of(found: Night, kind: FactKind) -> list[str]:
    return [str(one.body["facts"]["hunt"]) for one in found.facts(kind)]


def assert_a_whole_night(found: Night, paid: Decimal) -> None:
    """Check the chain from the first hunt to its stop, the second's veto, and the report."""
    steps = found.day.steps
    assert {steps[one].state for one in (FIRST, SECOND, REPORT)} == {StepState.DONE}
    assert of(found, FactKind.VOTE) == of(found, FactKind.SIGNAL) == [FIRST, SECOND]
    [trade] = found.facts(FactKind.TRADE)
    known = found.journal.facts(found.run)
    chain = [str(one.fact.kind) for one in causal_chain(known, trade)]
    assert list(dict.fromkeys(chain)) == [
        *("snapshot", "vote", "signal", "size", "order", "fill", "outcome", "trade", "review")
    ]
    left = found.facts(FactKind.FILL)[-1].body["client_order_id"]
    stop = next(one for one in found.facts(FactKind.ORDER) if left in one.id)
    assert stop.body["tags"] == ["STOP_LOSS"]
    assert "posture" in {one.source for one in found.facts(FactKind.VETO)}
    assert len(found.facts(FactKind.FILL)) == 2
    assert [one.state for name, one in steps.items() if name.startswith("review:")] == [
        StepState.DONE
    ]
    report = day_report(DAY, MORNING, found.journal)
    assert report.net == {"USD": Decimal(trade.body["pnl"])}
    assert report.model_usd == found.day.spent() == paid
    assert report.net_of_models == Decimal(trade.body["pnl"]) - paid
    page = (state_dir.state_dir() / "reports" / f"{DAY}.html").read_text(encoding="utf-8")
    assert f"P&amp;L after fees and models: {report.net_of_models:+,.2f} USD" in page


@pytest.fixture
def journal() -> Iterator[Journal]:
    with Journal.open() as opened:
        yield opened


def test_a_night_by_rules(tmp_path, monkeypatch, journal):
    found = night(tmp_path, journal, monkeypatch)

    assert_a_whole_night(found, Decimal(0))


@pytest.mark.long  # a vendor and its SDK; by rules the same night is in every run of the tests
def test_a_night_with_models_costs_what_the_vendor_charged(tmp_path, monkeypatch, journal):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with vendor(tmp_path, tools=[LOOK], says=SAID, output_tokens=None) as server:
        found = night(
            tmp_path,
            journal,
            monkeypatch,
            provider="models",
            ranks=ONE_VENDOR,
            base_urls={"deepseek": f"{server.url}/v1"},
        )
        paid = server.usd

    assert paid > 0
    assert_a_whole_night(found, paid)
    with Ledger() as ledger:
        assert sum((one.usd for one in ledger.costs("scan")), Decimal(0)) == paid
    with Outbox() as bus:
        assert {str(one.role) for one in bus.read()} == {
            *("HUNTER", "GUARDIAN", "ANALYST", "SYNTHESIS")
        }
