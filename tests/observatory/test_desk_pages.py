"""MissionControl, Orchestration, Launchpad, reports and incidents, as a browser without script."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from qe_plugins.cli import cli
from qe_plugins.errors import QeError
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.observatory import jobs
from qe_plugins.recordings.folder import folder_of
from qe_plugins.recordings.records import RecordingInfo
from qe_plugins.wall_clock import now
from tests.journal.facts import STARTED, fact, small_run
from tests.observatory.conftest import Client, serving

INJECTED = "<img src=x onerror=alert(1)><script>alert(2)</script>"
DAY = "2024-01-03"


def alarm(incident: str, *, ended: bool = False, kind: str = "unprotected") -> list[Fact]:
    at = int(now().timestamp()) * 1_000_000_000
    since = now().isoformat()
    body: dict[str, Any] = {
        "incident": incident,
        "kind": kind,
        "about": "MESZ26",
        "text": f"no stop at the broker {INJECTED}",
        "since": since,
        "ended": since if ended else None,
    }
    run = Fact(id="run:1", kind=FactKind.RUN, ts_event=at, source="quant-engine")
    one = Fact(
        id="alarm:1", kind=FactKind.ALARM, ts_event=at, source="watch", cause="run:1", body=body
    )
    return [run, one]


def said(*words: str) -> Any:
    """Return what a command prints with --json."""
    done = CliRunner().invoke(cli, [*words, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a state folder with a scan, a run and an alarm; it is QE_HOME in this module."""
    folder = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QE_HOME", str(folder))
        fleet = ["fleet", "scan", "configs/fleet/team.yaml", "--set", "ranks.worker.count=10"]
        said(*fleet)
        run = fact("run:1", name="small", mode="paper")
        with Journal.open() as journal:
            journal.write_run("r1", "small", STARTED, [run, *small_run()[1:]])
            journal.write_run("a1", "alarm", STARTED, alarm("20260101-unprotected-MESZ26"))
            journal.write_run("a0", "alarm", STARTED, alarm("20260101-stale", kind="stale"))
        yield folder


@pytest.fixture
def desk(home: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setenv("QE_HOME", str(home))
    return client


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[Client]:
    with serving(home) as served:
        served.enter()
        yield served


def text_of(client: Client, path: str) -> str:
    got = client.get(path)
    assert got.status == 200, got.text
    return got.text


class TestOrchestration:
    def test_the_list_has_the_numbers_of_the_command(self, desk):
        [scan] = said("fleet", "scans")
        page = text_of(desk, "/orchestration")

        assert scan["scan"] in page
        assert f"{scan['coverage'] * 100:.1f}%" in page
        assert f"${scan['usd']:.4f}" in page
        assert f">{scan['seconds']:.1f}<" in page
        for row in said("fleet", "costs", "--by", "rank"):
            assert re.search(rf"{row['group']}</td><td class=\"right\">{row['calls']:,}<", page)

    def test_spend_is_shown_against_the_budgets_of_the_newest_scan(self, desk):
        page = text_of(desk, "/orchestration")

        assert "Spend against the budgets of the newest scan" in page
        assert re.search(r"this scan</td><td class=\"right\">\$0\.0000<", page)

    def test_a_scan_shows_every_supervisor_with_the_counts_of_the_command(self, desk):
        found = said("fleet", "progress")
        page = text_of(desk, f"/orchestration/{found['scan_id']}")

        for part in found["coordinators"]:
            for strip in part["strips"]:
                counts = {state: strip["workers"].count(state) for state in strip["workers"]}
                label = re.search(rf'aria-label="Supervisor {strip["node"]}: ([^"]+)"', page)
                assert label
                assert dict(reversed(one.split(" ")) for one in label[1].split(", ")) == {
                    state: str(count) for state, count in counts.items()
                }
        for state, count in found["counts"].items():
            assert f"{count:,} {state}" in page

    @pytest.mark.parametrize("node", ["desk", "1", "1.1.1", "1.1.1.3"])
    def test_a_node_has_the_answer_and_the_exact_request_of_the_command(self, desk, node):
        found = said("fleet", "show", "last", node)
        page = text_of(desk, f"/orchestration/{found['scan_id']}/{node}")

        assert found["answer"] is None or f"{found['answer']['score']:+.3f}" in page
        assert all(f">{child['node']}</a>" in page for child in found["children"])
        if found["request"]:
            assert found["request"]["prompt"].strip()[:200] in html.unescape(page)

    def test_an_unknown_scan_or_node_is_a_page_that_says_so(self, desk):
        assert "is no scan" in desk.get("/orchestration/nothing").text
        assert "no node" in html.unescape(desk.get("/orchestration/team/9.9").text)


class TestMissionControl:
    def titles(self, desk: Client) -> str:
        return html.unescape(text_of(desk, "/"))

    def act(self, desk: Client, act: str) -> None:
        answer = desk.post("/mission/change", {**self.fields(desk), "act": act})
        assert answer.status == 303, answer.text

    def fields(self, desk: Client) -> dict[str, str]:
        page = text_of(desk, "/")
        form = page[page.index('action="/mission/') :]
        return dict(re.findall(r'name="(token|once)" value="([\w-]+)"', form)[:2])

    def test_a_thought_is_kept_once_and_an_alarm_is_before_it(self, desk):
        fields = {**self.fields(desk), "title": f"look at the roll {INJECTED}"}
        for _ in range(2):
            assert desk.post("/mission/capture", fields).status == 303
        page = text_of(desk, "/")

        assert page.count("look at the roll") == page.count("look at the roll &lt;img")
        assert self.titles(desk).index("stale MESZ26") < self.titles(desk).index("look at")
        assert "<img" not in page
        assert page.count('id="capture"') == 1

    def test_what_a_person_does_with_an_item_stays_done(self, desk):
        fields = {**self.fields(desk), "title": "order the coffee"}
        desk.post("/mission/capture", fields)
        item = f"person-{fields['once']}"
        self.act(desk, f"not_now {item}")
        assert f"take {item}" in text_of(desk, "/")
        self.act(desk, f"done {item}")

        assert f"{item}" not in text_of(desk, "/")
        assert "order the coffee" in text_of(desk, "/")

    def test_a_form_without_its_token_changes_nothing(self, desk):
        assert desk.post("/mission/capture", {"title": "x"}).status == 403


class TestIncident:
    PLACE = "/incident/20260101-unprotected-MESZ26"

    def test_it_says_what_happened_and_what_may_follow_and_has_no_resume(self, desk):
        page = text_of(desk, self.PLACE)

        assert "no stop at the broker" in page
        assert "nothing can be lost from here" in page
        assert 'action="/resume"' not in page
        assert "<img" not in page
        assert text_of(desk, self.PLACE.replace("incident/", "incidents/"))

    def test_left_as_it_is_by_a_person_it_needs_nobody_and_ended_it_is_gone(self, desk):
        page = text_of(desk, self.PLACE)
        form = page[page.index('action="/incident/leave"') :]
        fields = dict(re.findall(r'name="(token|once|incident)" value="([\w-]*)"', form))
        assert desk.post("/incident/leave", fields).status == 303

        assert "left it as it is" in text_of(desk, self.PLACE)
        assert "done alarm:20260101-unprotected-MESZ26" not in text_of(desk, "/")

        with Journal.open() as journal:
            ended = alarm("20260101-unprotected-MESZ26", ended=True)
            journal.write_run("a2", "alarm", STARTED, ended)
        assert "unprotected MESZ26" not in text_of(desk, "/")


class TestReports:
    def test_the_page_of_a_day_is_the_file_of_the_command(self, desk):
        found = said("report", "day", DAY)

        page = desk.get(f"/report/{DAY}")
        assert Path(found["file"]).read_text() == page.text
        style = page.text.partition("<style>")[2].partition("</style>")[0]
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in page.headers["content-security-policy"]
        assert "/static/" not in page.text
        assert found["runs"] == ["r1"]
        assert len(found["trades"]) == sum(one.kind is FactKind.TRADE for one in small_run())
        assert "Nothing needs you." in text_of(desk, f"/report/{DAY}")

    def test_a_word_that_is_no_day_is_refused(self, desk):
        assert "is no day" in html.unescape(desk.get("/report/someday").text)


class TestLaunchpad:
    def test_commands_of_sessions_are_shown_and_not_run(self, desk):
        page = text_of(desk, "/launchpad")

        assert "uv run qe paper configs/live/mes_paper.yaml --replay config" in page
        assert "Nothing" not in page
        assert {"configs/fleet/full.yaml", "configs/fleet/team.yaml"} <= set(jobs.files("hunt"))

    def test_recordings_and_verdicts_are_listed_with_the_command_that_makes_the_first(
        self, desk, home, empty
    ):
        nothing = text_of(empty, "/launchpad")
        made = folder_of("es_2013")
        made.path.mkdir(parents=True)
        points = tuple(1_386_000_000_000_000_000 + 900_000_000_000 * one for one in range(3))
        names = {"name": "es_2013", "fleet": {}, "mask": "raw", "prompts": "0" * 64, "root": "ES"}
        made.write_info(RecordingInfo(**names, points=points, workers=10))
        (made.path / "decisions.jsonl").write_bytes(b"{}\n{}\n{")
        report = {"thesis": f"velocity {INJECTED}", "trades": 28, "mean_r": -0.311}
        body = {"outcome": "cannot say", "report": report}
        verdict = Fact(id="verdict:1", kind=FactKind.VERDICT, ts_event=2, source="arbiter")
        verdict = msgspec.structs.replace(verdict, cause="run:1", body=body)
        run = Fact(id="run:1", kind=FactKind.RUN, ts_event=1, source="quant-engine")
        with Journal.open() as journal:
            journal.write_run("v1", "arbiter", STARTED, [run, verdict])
        page = text_of(desk, "/launchpad")

        thesis = "--thesis configs/theses/velocity.yaml"
        assert "uv run qe fleet record configs/fleet/es_2013.yaml" in nothing
        assert f"uv run qe fleet validate configs/fleet/es_2013.yaml {thesis}" in nothing
        assert "<option>configs/theses/velocity.yaml" not in nothing
        assert "2013-12-02 to 2013-12-02" in page
        assert ">2 of 3<" in page
        assert "cannot say" in page
        assert '<td class="right">-0.311<' in page
        assert "uv run qe fleet record" not in page
        assert "<img" not in page

    @pytest.mark.parametrize(
        ("command", "file"),
        [
            ("backtest", "../../etc/passwd"),
            ("backtest", "configs/fleet/full.yaml"),
            ("backtest", "--help"),
            ("resume", "configs/backtest/quickstart.yaml"),
            ("live", "configs/live/mes_paper.yaml"),
        ],
    )
    def test_only_known_commands_on_files_of_configs_are_started(self, desk, command, file):
        with pytest.raises(QeError, match="no such command on such a file"):
            jobs.start(command, file, "a person")

    def test_a_job_is_followed_to_its_end(self, desk):
        job = jobs.start("check", "configs/ladder/mes_to_es.yaml", "a person")
        end = time.monotonic() + 60
        while jobs.find(job.record.job).code is None and time.monotonic() < end:
            time.sleep(0.1)
        page = text_of(desk, f"/job/{job.record.job}")

        assert "failed, exit code" in page
        assert "error:" in page
        with pytest.raises(QeError, match="no job"):
            jobs.find("../../journal")

    def test_a_job_is_cancelled(self, desk):
        job = jobs.start("backtest", "configs/backtest/quickstart.yaml", "a person")
        jobs.cancel(job.record.job, "a person")
        end = time.monotonic() + 60
        while (found := jobs.find(job.record.job)).code is None and time.monotonic() < end:
            time.sleep(0.1)

        assert found.state == "cancelled"
