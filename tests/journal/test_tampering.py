"""Whatever somebody does to the rows, `verify` sees it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from qe_plugins import state_dir
from qe_plugins.errors import JournalError
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from tests.journal.facts import STARTED, fact, small_run

RUNS = ("r1", "r2", "r3")


@pytest.fixture
def journal(database):
    with Journal.open() as opened:
        for run_id in RUNS:
            opened.write_run(run_id, "small", STARTED, small_run())
        yield opened


@pytest.fixture
def tamper(journal):
    """Return a function that changes the database behind the journal's back."""

    def change(*statements: str) -> None:
        with sa.create_engine(state_dir.journal_url()).begin() as raw:
            for statement in statements:
                assert raw.exec_driver_sql(statement).rowcount != 0, statement

    return change


def complaints(journal: Journal) -> list[tuple[str, str | None]]:
    return [(problem.run_id, problem.fact_id) for problem in journal.verify()]


def test_an_untouched_journal_verifies(journal):
    assert journal.verify() == []


@pytest.mark.parametrize(
    "change",
    [
        """body = replace(body, '"quantity":"1"', '"quantity":"9"')""",
        "id = 'order:O-9'",
        "kind = 'fill'",
        "ts_event = ts_event + 1",
        "source = 'nobody'",
        "cause = NULL",
        "hash = replace(hash, substr(hash, 1, 1), 'x')",
        "body = 'no json'",
    ],
)
def test_an_edited_fact_is_seen(journal, tamper, change):
    tamper(f"UPDATE facts SET {change} WHERE run_id = 'r2' AND seq = 6")

    assert {run_id for run_id, _ in complaints(journal)} == {"r2"}


def test_a_body_with_its_keys_in_another_order_is_seen(journal, tamper):
    tamper("""UPDATE facts SET body = '{"reason":"50 USD at the stop","contracts":1}'
              WHERE run_id = 'r2' AND id = 'size:1'""")

    assert complaints(journal) == [("r2", "size:1")]


def test_a_deleted_fact_is_seen_by_the_one_after_it(journal, tamper):
    tamper("DELETE FROM facts WHERE run_id = 'r2' AND id = 'vote:1'")

    assert complaints(journal) == [("r2", "signal:1")]


def test_a_deleted_fact_is_seen_where_the_rest_was_numbered_anew(journal, tamper):
    tamper(
        "DELETE FROM facts WHERE run_id = 'r2' AND seq = 3",
        "UPDATE facts SET seq = -(seq - 1) WHERE run_id = 'r2' AND seq > 3",
        "UPDATE facts SET seq = -seq WHERE run_id = 'r2' AND seq < 0",
    )

    assert ("r2", "signal:1") in complaints(journal)


@pytest.mark.parametrize("seq", [1, 7, 16])
def test_an_inserted_fact_is_seen(journal, tamper, seq):
    tamper(
        f"UPDATE facts SET seq = -(seq + 1) WHERE run_id = 'r2' AND seq >= {seq}",
        "UPDATE facts SET seq = -seq WHERE run_id = 'r2' AND seq < 0",
        f"""INSERT INTO facts SELECT run_id, {seq}, 'veto:9', 'veto', ts_event, source, cause,
            body, hash FROM facts WHERE run_id = 'r2' AND seq = {seq + 1}""",
    )

    assert complaints(journal)[0] == ("r2", "veto:9")


def test_a_fact_added_at_the_end_is_seen(journal, tamper):
    last = len(small_run())
    tamper(f"""INSERT INTO facts SELECT run_id, {last + 1}, 'veto:9', kind, ts_event, source,
               cause, body, hash FROM facts WHERE run_id = 'r2' AND seq = {last}""")

    assert complaints(journal)[0] == ("r2", "veto:9")


def test_two_facts_that_changed_places_are_seen(journal, tamper):
    tamper(
        "UPDATE facts SET seq = -3 WHERE run_id = 'r2' AND seq = 3",
        "UPDATE facts SET seq = 3 WHERE run_id = 'r2' AND seq = 4",
        "UPDATE facts SET seq = 4 WHERE run_id = 'r2' AND seq = -3",
    )

    assert complaints(journal)[0] == ("r2", "signal:1")


def test_a_fact_moved_to_another_run_is_seen_in_both(journal, tamper):
    last = len(small_run())
    tamper(f"UPDATE facts SET run_id = 'r3', seq = {last + 1} WHERE run_id = 'r2' AND seq = 3")

    assert complaints(journal) == [("r2", "signal:1"), ("r3", "vote:1"), ("r3", None)]


@pytest.mark.parametrize("gone", [1, 5])
def test_a_cut_tail_of_facts_is_seen(journal, tamper, gone):
    kept = len(small_run()) - gone
    tamper(f"DELETE FROM facts WHERE run_id = 'r3' AND seq > {kept}")

    assert complaints(journal) == [("r3", small_run()[kept - 1].id)]


def test_all_facts_of_a_run_deleted_are_seen(journal, tamper):
    tamper("DELETE FROM facts WHERE run_id = 'r2'")

    assert complaints(journal) == [("r2", None)]


@pytest.mark.parametrize(("run_id", "sees"), [("r1", "r2"), ("r2", "r3"), ("r3", "r2")])
def test_a_whole_run_deleted_is_seen_by_its_neighbour(journal, tamper, run_id, sees):
    tamper(
        f"DELETE FROM facts WHERE run_id = '{run_id}'",
        f"DELETE FROM runs WHERE run_id = '{run_id}'",
    )

    assert complaints(journal) == [(sees, None)]


def test_every_run_deleted_is_seen(journal, tamper):
    tamper("DELETE FROM facts", "DELETE FROM runs")

    assert complaints(journal) == [("(none)", None)]


def test_a_run_whose_row_alone_was_deleted_is_seen(journal, tamper):
    tamper("DELETE FROM runs WHERE run_id = 'r3'")

    assert complaints(journal) == [("r2", None), ("r3", None)]


@pytest.mark.parametrize(
    "change",
    [
        "name = 'better'",
        "started = '2030-01-01T00:00:00+00:00'",
        "started = 'never'",
        "facts = facts - 1",
        "facts = 0",
        "content_hash = hash",
        "previous_hash = hash",
        "hash = content_hash",
        "run_id = 'r9'",
    ],
)
def test_an_edited_run_is_seen(journal, tamper, change):
    tamper(f"UPDATE runs SET {change} WHERE run_id = 'r2'")

    assert complaints(journal) != []


def test_two_runs_that_changed_places_are_seen(journal, tamper):
    tamper(
        "UPDATE runs SET seq = -1 WHERE run_id = 'r1'",
        "UPDATE runs SET seq = 1 WHERE run_id = 'r2'",
        "UPDATE runs SET seq = 2 WHERE run_id = 'r1'",
    )

    assert complaints(journal) != []


@pytest.mark.parametrize(
    "change", ["UPDATE head SET hash = 'x'", "UPDATE head SET runs = 2", "DELETE FROM head"]
)
def test_a_changed_head_is_seen(journal, tamper, change):
    tamper(change)

    assert complaints(journal) == [("r3", None)]


def test_a_column_cannot_be_given_another_type(tamper):
    with pytest.raises((sa.exc.IntegrityError, sa.exc.DBAPIError)):
        tamper("UPDATE facts SET ts_event = 'never'")


def test_a_fact_that_cannot_be_read_sends_the_reader_to_verify(journal, tamper):
    tamper("UPDATE facts SET body = 'no json' WHERE run_id = 'r2' AND seq = 6")

    with pytest.raises(JournalError, match="run r2, fact order:O-1: not as it was written"):
        journal.facts("r2", [FactKind.ORDER])


def test_a_run_that_cannot_be_read_sends_the_reader_to_verify(journal, tamper):
    tamper("UPDATE runs SET started = 'never' WHERE run_id = 'r2'")

    with pytest.raises(JournalError, match="run r2: not as it was written"):
        journal.runs()


def test_a_run_without_facts_verifies(journal):
    journal.write_run("r4", "empty", STARTED, [])
    journal.write_run("r5", "one", STARTED, [fact("run:one")])

    assert journal.verify() == []
