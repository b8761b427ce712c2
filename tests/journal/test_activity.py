"""Rows of `pipeline_journal` and `mission_control`, pages of facts, changes that are noticed."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins import state_dir, wall_clock
from qe_plugins.errors import ConfigError, JournalError
from qe_plugins.journal.activity.changes import journal_version
from qe_plugins.journal.activity.records import (
    ActivityKind,
    MissionRow,
    MissionState,
    PipelineEntry,
    Severity,
)
from qe_plugins.journal.activity.report import record, reported
from qe_plugins.journal.activity.store import ActivityJournal
from qe_plugins.journal.facts import FactKey, FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.safe_text import keep_secret
from tests.journal.facts import STARTED, small_run


@pytest.fixture
def activity(database: str) -> Iterator[ActivityJournal]:
    with ActivityJournal.open() as opened:
        yield opened


@pytest.fixture
def journal(database: str) -> Iterator[Journal]:
    with Journal.open() as opened:
        yield opened


def started(text: str = "quickstart", **fields) -> PipelineEntry:
    return PipelineEntry(process="backtest", kind=ActivityKind.START, text=text, **fields)


def item(name: str, state: MissionState = MissionState.NOW) -> MissionRow:
    return MissionRow(
        item=name, at_ns=1, day="2026-01-05", title=name, why="", source="person", state=state
    )


class TestPipeline:
    def test_rows_have_wall_time_and_a_chain_that_verifies(self, activity):
        first = activity.record(started())
        second = activity.record(started("again", run_id="r1", href="/run/r1"))

        assert (first.seq, second.seq) == (1, 2)
        assert first.at_ns <= second.at_ns
        assert activity.rows() == [second, first]
        assert activity.rows(after=1) == [second]
        assert activity.rows(before=2) == [first]
        assert activity.verify() == []

    def test_filters_by_kind_severity_run_word_and_time(self, activity):
        plain = activity.record(started("100% of it", run_id="r1"))
        alarm = activity.record(
            PipelineEntry(
                process="session",
                kind=ActivityKind.ALARM,
                text="data stale",
                severity=Severity.ALARM,
            )
        )

        def found(**by):
            return activity.rows(**by)

        assert found(kinds=[ActivityKind.ALARM]) == [alarm]
        assert found(severities=[Severity.INFO]) == [plain]
        assert found(run="r1") == [plain]
        assert found(word="STALE") == [alarm]
        assert found(word="100%") == [plain]
        assert found(since_ns=alarm.at_ns + 1) == []
        assert found(limit=1) == [alarm]

    def test_secrets_and_line_breaks_do_not_reach_it(self, activity):
        keep_secret("hunter2-hunter2", "${BROKER_KEY}")

        row = activity.record(started("key hunter2-hunter2\nsecond line"))

        assert "hunter2" not in row.text
        assert "\n" not in row.text

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE pipeline_journal SET text = 'nothing happened' WHERE seq = 2",
            "DELETE FROM pipeline_journal WHERE seq = 2",
            "DELETE FROM pipeline_journal WHERE seq = 3",
            "DELETE FROM pipeline_journal",
        ],
    )
    def test_a_change_is_seen(self, change):
        with ActivityJournal.open() as activity:
            for _ in range(3):
                activity.record(started())
            with sqlite3.connect(state_dir.state_dir() / "journal.sqlite") as raw:
                raw.execute(change)

            assert [problem.run_id for problem in activity.verify()][:1] == ["pipeline_journal"]

    def test_writers_at_the_same_time_append_to_one_chain(self, activity):
        def write() -> None:
            with ActivityJournal.open() as other:
                for _ in range(10):
                    other.record(started())

        threads = [threading.Thread(target=write) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(activity.rows()) == 30
        assert activity.verify() == []


class TestReports:
    def kinds(self) -> list[str]:
        with ActivityJournal.open() as activity:
            return [row.kind for row in activity.rows()][::-1]

    def test_a_command_reports_its_start_and_its_end(self):
        with reported("backtest", "quickstart") as report:
            report.run_id = "r1"

        assert self.kinds() == ["start", "end"]

    def test_bad_input_leaves_no_journal_where_there_was_none(self):
        with pytest.raises(ConfigError), reported("backtest", "quickstart"):
            raise ConfigError("no such file.")
        assert not Journal.exists()

    def test_a_start_that_waited_for_its_journal_has_its_own_time(self):
        with reported("backtest", "quickstart"):
            inside = wall_clock.now_ns()
            assert not Journal.exists()

        with ActivityJournal.open() as activity:
            end, start = activity.rows()
        assert start.at_ns <= inside <= end.at_ns

    def test_an_error_of_the_user_is_a_warning_and_a_bug_an_alarm(self):
        Journal.open().close()
        for error in (ConfigError("no such file."), RuntimeError("boom")):
            with pytest.raises(type(error)), reported("backtest", "quickstart"):
                raise error

        with ActivityJournal.open() as activity:
            rows = activity.rows(kinds=[ActivityKind.FAILURE])
        assert [row.severity for row in rows] == [Severity.ALARM, Severity.WARNING]

    def test_an_interrupt_is_an_end(self):
        with pytest.raises(KeyboardInterrupt), reported("sweep", "grid"):
            raise KeyboardInterrupt

        assert self.kinds() == ["start", "end"]

    def test_a_journal_that_cannot_be_written_costs_a_warning(self, caplog):
        state_dir.state_dir().mkdir(parents=True)
        (state_dir.state_dir() / "journal.sqlite").write_text("not a database, but a text file")

        record(started())

        assert "not in the pipeline journal: quickstart" in caplog.text


class TestMissionRows:
    def test_the_last_row_of_an_item_is_its_state_and_nothing_is_overwritten(self, activity):
        store = activity
        store.change_mission(lambda rows: [item("a"), item("b", MissionState.NEXT)])
        after = store.change_mission(lambda rows: [item("a", MissionState.DONE)])

        assert [(row.item, row.state) for row in after] == [("b", "next"), ("a", "done")]
        assert [row.seq for row in store.mission_history()] == [3, 2, 1]

    def test_what_is_gone_is_not_read_again(self, activity):
        activity.change_mission(lambda rows: [item("a", MissionState.GONE)])

        assert activity.mission() == []

    def test_nothing_is_written_where_the_decision_fails(self, activity):
        def fail(rows):
            raise JournalError("no.")

        with pytest.raises(JournalError):
            activity.change_mission(fail)

        assert activity.mission() == []


class TestPages:
    @pytest.fixture
    def runs(self, journal) -> Journal:
        for name in ("r2", "r1"):
            journal.write_run(name, "small", STARTED, small_run())
        return journal

    def all_pages(self, journal, limit, **by):
        found, after = [], None
        while page := journal.page(after, limit=limit, **by):
            found += page
            after = FactKey.parse(str(page[-1].key))
        return found

    @pytest.mark.parametrize("newest_first", [False, True])
    def test_pages_of_all_runs_hold_every_fact_once_by_time(self, runs, newest_first):
        found = self.all_pages(runs, 7, newest_first=newest_first)

        keys = [one.key for one in found]
        assert keys == sorted(keys, reverse=newest_first)
        assert len(set(keys)) == len(keys) == 2 * len(small_run())

    def test_pages_of_a_run_follow_its_order(self, runs):
        assert [one.fact for one in self.all_pages(runs, 4, run="r1")] == small_run()

    def test_pages_of_kinds_are_merged_by_time(self, runs):
        kinds = (FactKind.ORDER, FactKind.SNAPSHOT, FactKind.REVIEW)

        found = self.all_pages(runs, 3, kinds=kinds)

        assert [one.key for one in found] == sorted(
            one.key for one in self.all_pages(runs, 100) if one.fact.kind in kinds
        )

    def test_a_word_is_found_in_any_case(self, runs):
        wanted = [one for one in small_run() if one.kind is FactKind.REVIEW]
        assert wanted
        found = runs.page(word=wanted[0].source.upper(), run="r1")
        assert {one.fact.id for one in found} >= {one.id for one in wanted}

    def test_the_plan_goes_by_an_index(self, tmp_path):
        with Journal.open() as journal:
            journal.write_run("r1", "small", STARTED, small_run())
        with sqlite3.connect(state_dir.state_dir() / "journal.sqlite") as raw:
            plan = raw.execute(
                "EXPLAIN QUERY PLAN SELECT * FROM facts WHERE kind = 'order'"
                " AND ts_event <= 9 AND (ts_event, run_id, seq) < (9, 'r', 1)"
                " ORDER BY ts_event DESC, run_id DESC, seq DESC LIMIT 200"
            ).fetchall()

        assert "USING INDEX facts_kind_ts_event" in str(plan)
        assert "TEMP B-TREE" not in str(plan)


@settings(max_examples=25)
@given(st.integers(0, 2**62), st.text(min_size=1), st.integers(1, 2**31))
def test_a_key_reads_back_as_it_was_written(ts_event, run_id, seq):
    key = FactKey(ts_event, run_id, seq)

    assert FactKey.parse(str(key)) == key


class TestVersions:
    def test_a_commit_of_another_process_is_noticed_and_no_read_is(self, database):
        version = journal_version()
        with ActivityJournal.open() as activity:
            activity.record(started())
            before = version.read()
            activity.rows()
            unchanged = version.read()
            activity.record(started())

            assert before == unchanged != version.read()
        version.close()

    def test_a_journal_that_is_made_later_is_noticed(self):
        version = journal_version()
        assert version.read() is None

        Journal.open().close()

        assert version.read() is not None
        version.close()

    def test_a_fact_appended_to_an_open_run_is_noticed(self, journal):
        journal.open_run("r1", "small", STARTED)
        version = journal_version()
        before = version.read()

        journal.append("r1", small_run()[:1])

        assert version.read() != before
        version.close()
