"""`qe journal` lists, traces and verifies."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from qe_plugins import state_dir
from qe_plugins.cli import cli
from qe_plugins.errors import JournalError
from qe_plugins.journal.listings import VIEWS
from qe_plugins.journal.store import Journal
from tests.journal.facts import STARTED, fact, small_run

TRADE = "MESH24.XCME-follower-1"


@pytest.fixture(autouse=True)
def _written() -> None:
    with Journal.open() as journal:
        journal.write_run("20240506-small", "small", STARTED, small_run())


def qe(*args: str) -> Result:
    wide = {"COLUMNS": "300"}
    return CliRunner(env=wide).invoke(cli, ["journal", *args], catch_exceptions=True)


def tamper(statement: str) -> None:
    with sa.create_engine(state_dir.journal_url()).begin() as raw:
        raw.exec_driver_sql(statement)


@pytest.mark.parametrize("name", list(VIEWS))
def test_a_listing_prints_every_fact_of_its_kinds_as_json(name):
    facts = [f for f in small_run() if f.kind in VIEWS[name].kinds]

    rows = json.loads(qe(name, "--json").stdout)

    assert [row["id"] for row in rows] == [f.id for f in facts]
    assert all(row["run_id"] == "20240506-small" for row in rows)


@pytest.mark.parametrize(
    ("name", "shows"),
    [
        ("signals", ["2024-01-03 15:00:00", "vote:1", "a vote", "LONG", "0.75", "a breakout"]),
        ("sizes", ["signal:1", "a size", "50 USD at the stop"]),
        ("proposals", ["a proposal", "trade less", "a losing session", "risk=25"]),
        ("failures", ["a failure", "veto_order", "ZeroDivisionError: division by zero"]),
        ("vetoes", ["2024-01-03 15:31:00", "limits", "O-4", "FOLLOWER-001", "BUY", "too many"]),
        (
            "orders",
            ["O-2", "FOLLOWER-001", "STOP_MARKET", "CANCELED", "DENIED", "limits: too many"],
        ),
        ("fills", ["F-1", "FOLLOWER-001", "4750.00", "0.62", "USD"]),
        ("trades", [TRADE, "2024-01-03 15:00:00", "2024-01-03 15:30:00", "8.76", "1.24"]),
        ("reviews", ["a review", TRADE, "won 2 points", "slippage=0.25"]),
    ],
)
def test_a_listing_shows_what_a_trader_looks_for(name, shows):
    table = qe(name).stdout

    assert [word for word in shows if word not in table] == []


@pytest.mark.parametrize(
    ("name", "shows"),
    [
        ("rolls", ["HOLD-001", "MESH24.XCME", "MESM24.XCME", "4750.00, 4800.25", "rolled", "why"]),
        ("closings", ["settlement", "HOLD-001", "+1 MESH24.XCME settled at 4,812.37"]),
    ],
)
def test_what_the_house_did_to_positions_is_listed(name, shows):
    roll = fact(
        "roll:1", strategy="HOLD-001", contracts="1", before="MESH24.XCME", after="MESM24.XCME",
        prices=["4750.00", "4800.25"], outcome="rolled", reason="why", orders=["O-1", "O-2"],
    )  # fmt: skip
    settled = fact(
        "closing:1", by="settlement", strategy="HOLD-001", instrument_id="MESH24.XCME",
        reason="+1 MESH24.XCME settled at 4,812.37",
    )  # fmt: skip
    with Journal.open() as journal:
        journal.write_run("20240507-held", "held", STARTED, [roll, settled])
    table = qe(name, "--run", "20240507-held").stdout
    assert [word for word in shows if word not in table] == []


def test_a_long_table_shows_its_last_rows_and_says_so():
    votes = [fact(f"vote:{n}", reason=f"reason {n}.") for n in range(150)]
    with Journal.open() as journal:
        journal.write_run("big", "big", STARTED, votes)

    shown = qe("signals").stdout

    assert "reason 149." in shown
    assert "reason 49." not in shown
    assert "the last 100 of 150; --limit shows more, --json all" in shown


def test_a_limit_is_the_number_of_rows_of_a_table_and_never_of_json():
    assert "F-1" not in qe("fills", "--limit", "1").stdout
    assert len(json.loads(qe("fills", "--limit", "1", "--json").stdout)) == 2


def test_words_in_brackets_are_printed_as_they_are():
    with Journal.open() as journal:
        journal.write_run("odd", "odd", STARTED, [fact("vote:1", reason="[red]no markup[/]")])

    assert "[red]no markup[/]" in qe("signals").stdout


def test_a_run_without_any_says_so():
    with Journal.open() as journal:
        journal.write_run("empty", "empty", STARTED, [])

    assert qe("trades").stdout == "no trades of empty\n"
    assert json.loads(qe("trades", "--json").stdout) == []


def test_a_run_is_named_by_the_start_of_its_id():
    with Journal.open() as journal:
        journal.write_run("empty", "empty", STARTED, [])

    assert len(json.loads(qe("trades", "--run", "2024", "--json").stdout)) == 1


def test_an_unknown_run_is_an_error_a_user_can_mend():
    assert isinstance(qe("trades", "--run", "nonsense").exception, JournalError)


class TestTrace:
    def test_the_tree_goes_from_the_bar_to_the_review(self):
        lines = qe("trace", "MES").stdout.splitlines()

        assert lines[0] == f"trade:{TRADE} of 20240506-small"
        assert "snapshot:MESH24" in lines[1]
        assert "BUY 1 MARKET FILLED" in next(line for line in lines if "order:O-1" in line)
        assert "won 2 points" in lines[-1]

    def test_json_holds_each_fact_with_its_depth(self):
        told = json.loads(qe("trace", TRADE, "--json").stdout)

        assert told["trade"] == f"trade:{TRADE}"
        assert [step["depth"] for step in told["chain"]] == [0, 1, 1, 2, 2, 3, 2, 0, 1, 2, 3, 4]
        assert told["chain"][-1]["fact"]["kind"] == "review"

    def test_an_unknown_trade_is_an_error_a_user_can_mend(self):
        assert isinstance(qe("trace", "nonsense").exception, JournalError)


class TestVerify:
    def test_an_untouched_journal_verifies(self):
        done = qe("verify")

        assert done.exit_code == 0
        assert done.stdout == f"verified: 1 runs, {len(small_run())} facts, nothing changed\n"

    def test_an_untouched_journal_verifies_as_json(self):
        told = json.loads(qe("verify", "--json").stdout)

        assert told == {"runs": 1, "facts": len(small_run()), "problems": [], "open_runs": []}

    def test_tampering_is_told_and_is_an_error(self):
        tamper("UPDATE facts SET source = 'nobody' WHERE id = 'fill:F-1'")

        done = qe("verify")

        assert isinstance(done.exception, JournalError)
        assert done.exception.exit_code == 2
        assert "run 20240506-small, fact fill:F-1: it was changed" in done.stdout
        assert "verified" not in done.stdout

    def test_tampering_is_told_as_json(self):
        tamper("DELETE FROM facts WHERE id = 'review:analyst_trades:MESH24.XCME-follower-1'")

        [problem] = json.loads(qe("verify", "--json").stdout)["problems"]

        assert problem["run_id"] == "20240506-small"
