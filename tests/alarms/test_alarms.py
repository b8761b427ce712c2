"""Alarms go out once an incident, through each channel, however the others are."""

from __future__ import annotations

import http.server
import json
import logging
import sys
import threading

import pytest

from qe_plugins.alarms import AlarmDispatch, DayNotice, Incidents
from qe_plugins.alarms.channels import channels_of
from qe_plugins.alarms.notices import send_notice
from qe_plugins.config.alarms import AlarmSettings
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal

WAITS = (0.02,)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("QE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("QE_JOURNAL_URL", raising=False)
    return tmp_path / "home"


@pytest.fixture
def incidents(home):
    return Incidents("DU1", home / "incidents.json", "http://127.0.0.1:8765/")


@pytest.fixture
def alarm(incidents):
    return incidents.begin("unprotected", "MESZ6", "critical", "+1 MESZ6 has no stop at the broker")


class Receiver:
    """A web server that keeps what it is sent, and answers with the next of `statuses`."""

    def __init__(self) -> None:
        self.bodies: list[dict] = []
        self.statuses: list[int] = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                if status == 200:
                    receiver.bodies.append(json.loads(body))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]


@pytest.fixture
def receiver():
    found = Receiver()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


def dispatch(settings: AlarmSettings, **options) -> AlarmDispatch:
    return AlarmDispatch(
        channels_of(settings), retry_for=settings.retry_for, waits=WAITS, **options
    )


def test_an_alarm_goes_to_command_webhook_apprise_and_journal(alarm, receiver, tmp_path):
    kept = tmp_path / "kept.json"
    copy = f"import sys, pathlib; pathlib.Path({str(kept)!r}).write_text(sys.stdin.read())"
    sending = dispatch(
        AlarmSettings(
            command=[sys.executable, "-c", copy],
            webhook=f"http://127.0.0.1:{receiver.port}/hook",
            notify=[f"json://127.0.0.1:{receiver.port}/"],
        )
    )

    sending.send(alarm)

    assert sending.close(60) == []
    assert json.loads(kept.read_text())["incident"] == alarm.incident
    hook = next(one for one in receiver.bodies if "incident" in one)
    assert hook["title"] == "CRITICAL DU1: unprotected MESZ6"
    assert hook["link"] == f"http://127.0.0.1:8765/incidents/{alarm.incident}"
    notified = next(one for one in receiver.bodies if "incident" not in one)
    assert alarm.link in notified["message"]
    with Journal.open() as journal:
        (run,) = journal.runs()
        (fact,) = journal.facts(run.run_id, [FactKind.ALARM])
    assert fact.body["kind"] == "unprotected"


def test_a_failing_channel_is_said_and_tried_again_until_the_alarm_is_out(alarm, receiver):
    receiver.statuses = [500, 500, 200]
    said = []
    settings = AlarmSettings(webhook=f"http://127.0.0.1:{receiver.port}/secret-path")
    sending = dispatch(settings, complain=lambda *what: said.append(what))

    sending.send(alarm)

    assert sending.close(60) == []
    assert said == [("webhook 127.0.0.1", "status 500")]
    assert len(receiver.bodies) == 1


def test_a_channel_that_hangs_keeps_none_of_the_others(alarm, receiver):
    settings = AlarmSettings(
        command=[sys.executable, "-c", "import time; time.sleep(60)"],
        webhook=f"http://127.0.0.1:{receiver.port}/",
        timeout=0.3,
    )
    sending = dispatch(settings)

    sending.send(alarm)

    (late,) = sending.close(2)
    assert (late.name, late.waiting) == (f"command {sys.executable}", 1)
    assert "0.3 s" in late.problem
    assert len(receiver.bodies) == 1


@pytest.mark.parametrize("address", ["no-address", "json://127.0.0.1:9/token-1234567"])
def test_an_address_that_does_not_work_is_said_without_its_secret(alarm, address, caplog):
    caplog.set_level(logging.DEBUG)
    sending = dispatch(AlarmSettings(notify=[address], retry_for=0))

    sending.send(alarm)
    sending.close(20)

    state = sending.states()[-1]
    assert (state.sent, state.given_up) == (0, 1)
    assert "token-1234567" not in f"{state}{caplog.text}"


def test_an_incident_is_one_alarm_when_it_begins_and_one_when_it_is_over(incidents, home):
    first = incidents.begin("unprotected", "MESZ6", "critical", "no stop")
    again = incidents.begin("unprotected", "MESZ6", "critical", "still no stop")
    of_another = incidents.begin("unprotected", "MESH7", "critical", "no stop")
    after_a_restart = Incidents("DU1", home / "incidents.json")

    assert (first.ended, again, of_another.about) == (None, None, "MESH7")
    assert after_a_restart.begin("unprotected", "MESZ6", "critical", "no stop") is None
    over = after_a_restart.end("unprotected", "MESZ6")
    assert (over.incident, over.ended is None) == (first.incident, False)
    assert after_a_restart.end("unprotected", "MESZ6") is None
    assert over.title == "ended DU1: unprotected MESZ6"


def test_a_disk_that_is_full_does_not_keep_an_alarm(home):
    home.parent.joinpath("file").write_text("")
    incidents = Incidents("DU1", home.parent / "file" / "incidents.json")

    assert incidents.begin("disk", "", "warning", "full") is not None


def test_the_page_of_a_day_goes_once_to_each_channel_and_a_failure_is_said(home, receiver):
    settings = AlarmSettings(
        webhook=f"http://127.0.0.1:{receiver.port}/hook", command=[sys.executable, "-c", "exit(3)"]
    )
    notice = DayNotice(title="2024-01-03: No trade.", text="next", page="<p>No trade.</p>")

    tried = {one.channel.partition(" ")[0]: one.problem for one in send_notice(settings, notice)}

    assert tried == {"command": "exit code 3", "webhook": None}
    assert [one["page"] for one in receiver.bodies] == ["<p>No trade.</p>"]
    assert not Journal.exists()
