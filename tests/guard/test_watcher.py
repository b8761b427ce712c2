"""The watcher sees what is wrong, alarms once, and does only what the configuration allows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from click.testing import CliRunner

from qe_plugins.alarms.dispatch import ChannelState
from qe_plugins.cli.live.watch import watch
from qe_plugins.guard.watcher_socket import SocketFile, WatcherAway, ask, listening
from qe_plugins.halt import watcher_heartbeat
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.halt.status import SessionStatus, this_process, write_status
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from tests.command import ROOT

ACCOUNT = "DU1234567"
SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def front(tws) -> str:
    return next(one for one in tws.control.contracts() if one.startswith("MES"))


def kinds(watcher) -> list[str]:
    """Return the alarms as `unprotected` and `-unprotected`, its end."""
    return [f"{'-' if one.ended else ''}{one.kind}" for one in watcher.sent]


def beat(pid: int, positions: dict[str, int] | None = None, run_id: str = "run-live") -> None:
    """Write the status of a node that is the process `pid`."""
    now = datetime.now(UTC)
    write_status(
        SessionStatus(
            run_id=run_id,
            name="mes-paper",
            mode="live",
            pid=pid,
            host=this_process()[1],
            started=now,
            engine_time=now,
            wall_time=now,
            positions={name: Decimal(net) for name, net in (positions or {}).items()},
        )
    )


@pytest.fixture
def node():
    """A process that stands in for the node."""
    with subprocess.Popen(SLEEPER) as process:
        yield process
        process.kill()


def stop_order(tws, price: float = 6400) -> int:
    return tws.control.manual_order("SELL", kind="STP", price=price, symbol=front(tws))


def test_a_position_without_a_stop_is_one_alarm_and_its_end_another(watcher, qe_tws, node):
    beat(node.pid, {f"{front(qe_tws)}.XCME": 1})
    qe_tws.control.manual_order("BUY", symbol=front(qe_tws))
    for _ in range(3):
        watcher.step()
    stop_order(qe_tws)
    watcher.step()

    assert kinds(watcher) == ["unprotected", "-unprotected"]


def test_a_second_stop_and_an_exit_of_nothing_are_alarms(watcher, qe_tws, node):
    symbol = front(qe_tws)
    beat(node.pid, {f"{symbol}.XCME": 1})
    qe_tws.control.manual_order("BUY", symbol=symbol)
    first = stop_order(qe_tws)
    stop_order(qe_tws, 6390)
    watcher.step()
    qe_tws.control.cancel_as_person(first)
    watcher.step()

    assert kinds(watcher) == ["two_stops", "-two_stops"]


def test_a_book_that_is_not_the_brokers_is_an_alarm(watcher, qe_tws, node):
    beat(node.pid)
    qe_tws.control.manual_order("BUY", symbol=front(qe_tws))
    stop_order(qe_tws)
    watcher.step()

    assert kinds(watcher) == ["book_differs"]
    assert "the node holds +0, IB +1" in watcher.sent[0].text


def test_a_gateway_that_is_not_logged_in_is_an_alarm_and_nothing_is_taken_for_over(
    watcher, qe_tws, node, monkeypatch
):
    monkeypatch.setattr("qe_plugins.guard.looking.ANSWER", 0.5)
    beat(node.pid, {f"{front(qe_tws)}.XCME": 1})
    qe_tws.control.manual_order("BUY", symbol=front(qe_tws))
    watcher.step()
    qe_tws.control.log_out()
    watcher.step()
    watcher.step()

    assert "not_logged_in" in kinds(watcher)
    assert "-unprotected" not in kinds(watcher)

    qe_tws.control.log_in()
    watcher.step()
    assert kinds(watcher)[-1] == "-not_logged_in"


def test_lost_connectivity_is_an_alarm(watcher, qe_tws):
    watcher.step()
    qe_tws.control.lose_connectivity()
    while watcher.broker.state != "cut":
        time.sleep(0.01)
    watcher.step()
    qe_tws.control.restore_connectivity()
    while watcher.broker.state == "cut":
        time.sleep(0.01)
    watcher.step()

    assert kinds(watcher) == ["connectivity_lost", "-connectivity_lost"]


def test_a_node_that_died_is_an_alarm_and_its_position_stays_under_its_stop(watcher, qe_tws, node):
    symbol = front(qe_tws)
    qe_tws.control.manual_order("BUY", symbol=symbol)
    stop_order(qe_tws)
    beat(node.pid, {f"{symbol}.XCME": 1})
    watcher.step()
    node.kill()
    node.wait()
    watcher.step()

    assert kinds(watcher) == ["node_died"]
    assert qe_tws.control.net(symbol) == 1
    assert [one["type"] for one in qe_tws.control.open_orders()] == ["STP"]


def test_a_position_without_stop_or_node_is_closed_under_a_halt(make_watcher, qe_tws):
    watcher = make_watcher("watch.flatten_after=0.2s")
    qe_tws.control.manual_order("BUY", symbol=front(qe_tws))
    watcher.step()
    time.sleep(0.25)
    watcher.step()

    assert qe_tws.control.net(front(qe_tws)) == 0
    assert "flattened" in kinds(watcher)
    assert HaltLatch.at_home().read().source == "watcher"
    with Journal.open() as journal:
        found = [f for run in journal.runs() for f in journal.facts(run.run_id)]
    (fact,) = [one for one in found if one.kind is FactKind.FLATTEN]
    assert fact.body["is_flat"] is True


def test_a_node_that_could_mend_it_is_left_to_it(make_watcher, qe_tws, node):
    watcher = make_watcher("watch.flatten_after=0.1s")
    beat(node.pid, {f"{front(qe_tws)}.XCME": 1})
    qe_tws.control.manual_order("BUY", symbol=front(qe_tws))
    watcher.step()
    time.sleep(0.15)
    watcher.step()

    assert qe_tws.control.net(front(qe_tws)) == 1


def restarting(marker, most: int = 3, code: str = "") -> list[str]:
    command = [sys.executable, "-c", code or f"open({str(marker)!r}, 'a').write('x')"]
    return [
        f"watch.restart.command={command}".replace("'", '"', 0),
        f"watch.restart.most_an_hour={most}",
    ]


def died_once(watcher, node) -> None:
    beat(node.pid)
    watcher.step()
    node.kill()
    node.wait()


def settled(marker, count: int) -> str:
    end = time.monotonic() + 10
    while not marker.exists() or len(marker.read_text()) < count:
        assert time.monotonic() < end
        time.sleep(0.02)
    return marker.read_text()


def test_a_node_that_died_is_started_again_so_many_times_an_hour(make_watcher, node, tmp_path):
    marker = tmp_path / "started"
    watcher = make_watcher(*restarting(marker, most=2))
    died_once(watcher, node)
    end = time.monotonic() + 60
    while "restarts_exhausted" not in kinds(watcher):
        assert time.monotonic() < end
        watcher.step()

    assert settled(marker, 2) == "xx"
    watcher.step()
    assert marker.read_text() == "xx"
    assert kinds(watcher) == ["node_died", "restarts_exhausted"]


def test_a_node_that_waits_for_its_gateway_is_not_started_twice(make_watcher, node, tmp_path):
    marker = tmp_path / "started"
    waiting = (
        f"import os, time; open({str(marker)!r}, 'a').write(str(os.getpid())); time.sleep(600)"
    )
    watcher = make_watcher(*restarting(marker, most=1, code=waiting))
    died_once(watcher, node)
    watcher.step()
    [child] = [int(settled(marker, 1))]
    try:
        for _ in range(3):
            watcher.step()
        assert marker.read_text() == str(child)
        assert "restarts_exhausted" not in kinds(watcher)
    finally:
        os.kill(child, signal.SIGKILL)
    end = time.monotonic() + 60
    while "restarts_exhausted" not in kinds(watcher):
        assert time.monotonic() < end
        watcher.step()


def test_a_node_is_not_started_again_under_a_halt(make_watcher, node, tmp_path):
    marker = tmp_path / "started"
    watcher = make_watcher(*restarting(marker))
    died_once(watcher, node)
    HaltLatch.at_home().set("enough", "person")
    watcher.step()

    assert not marker.exists()
    assert kinds(watcher) == ["node_died", "halted"]


def test_a_node_that_died_before_the_watch_is_left_alone(make_watcher, node, tmp_path):
    marker = tmp_path / "started"
    watcher = make_watcher(*restarting(marker))
    beat(node.pid)
    node.kill()
    node.wait()
    watcher.step()

    assert not marker.exists()


def test_a_node_that_hangs_is_killed_where_the_configuration_says_so(make_watcher, node, tmp_path):
    watcher = make_watcher(*restarting(tmp_path / "started"), "watch.restart.kill_after=20s")
    beat(node.pid)
    watcher.step()
    node.send_signal(signal.SIGSTOP)
    file = next((tmp_path / "home" / "sessions").glob("*.json"))
    os.utime(file, (time.time() - 30, time.time() - 30))
    watcher.step()

    assert node.wait(5) == -signal.SIGKILL
    assert "node_silent" in kinds(watcher)


def channel(problem: str | None) -> ChannelState:
    return ChannelState(name="command", sent=1, waiting=0, given_up=0, problem=problem)


def test_a_channel_that_fails_while_the_channels_are_read_is_an_alarm(make_watcher):
    watcher = make_watcher('alarms.command=["true"]')
    queue = watcher.dispatch._queues[0]

    def fails_then() -> list[ChannelState]:
        queue._complain("command", "exit code 1")
        watcher.dispatch.states = lambda: [channel("exit code 1")]
        return [channel(None)]

    watcher.dispatch.states = fails_then
    for _ in range(3):
        watcher.step()
    assert kinds(watcher) == ["channel"]
    watcher.dispatch.states = lambda: [channel(None)]
    watcher.step()

    assert kinds(watcher) == ["channel", "-channel"]


def test_the_heartbeat_says_that_a_watcher_runs(watcher, home):
    assert watcher_heartbeat.missing(ACCOUNT) == "no watcher runs"
    watcher.step()
    assert watcher_heartbeat.missing(ACCOUNT) == ""
    old = time.time() - 60
    os.utime(home / "watch" / f"{ACCOUNT}.beat", (old, old))
    assert "silent for 60 s" in watcher_heartbeat.missing(ACCOUNT)
    watcher.step()
    watcher.close()
    assert watcher_heartbeat.missing(ACCOUNT) == "no watcher runs"


def test_the_socket_answers_a_request_with_its_token(watcher, home):
    watcher.step()

    assert ask(ACCOUNT, {"do": "status"}, timeout=5, say=print)["broker"] == "connected"

    file = home / "watch" / f"{ACCOUNT}.json"
    (found,) = listening()
    assert file.stat().st_mode & 0o077 == 0
    import msgspec

    wrong = SocketFile(**{**msgspec.structs.asdict(found), "token": "wrong"})
    file.write_bytes(msgspec.json.encode(wrong))
    with pytest.raises(WatcherAway):
        ask(ACCOUNT, {"do": "status"}, timeout=5, say=print)


def test_a_test_alarm_leaves_the_watcher_that_runs_its_place(watcher, overrides):
    watcher.step()
    before, config = listening(), str(ROOT / "configs" / "live" / "mes_paper.yaml")

    done = CliRunner().invoke(watch, [config, "--set", overrides[0], "--test-alarm"])

    assert (done.exit_code, done.output) == (0, "journal: sent\n")
    assert listening() == before
    assert watcher_heartbeat.missing(ACCOUNT) == ""


def flatten(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "qe_plugins.cli", "flatten", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False
    )


def test_qe_flatten_asks_the_watcher(watcher, qe_tws):
    watcher.step()
    qe_tws.control.manual_order("BUY", symbol=front(qe_tws))
    stop_order(qe_tws)

    done = flatten("--reason", "a test")

    assert done.returncode == 0, done.stderr
    assert "FLAT: account DU1234567, every MES, verified twice" in done.stdout
    assert ", watcher)" in done.stdout
    seconds = float(done.stdout.rpartition("(")[2].partition(" s")[0])
    assert seconds < 30
    assert "a test" in HaltLatch.at_home().read().reason


def test_qe_flatten_without_a_watcher_connects_itself(home, qe_tws, overrides):
    qe_tws.control.manual_order("BUY", symbol=front(qe_tws))
    config = "configs/live/mes_paper.yaml"

    done = flatten(config, "--set", overrides[0], "--json")

    assert done.returncode == 0, done.stderr
    assert '"by": "alone"' in done.stdout
    assert qe_tws.control.net(front(qe_tws)) == 0


def test_qe_flatten_that_cannot_says_so(home, overrides):
    done = flatten("configs/live/mes_paper.yaml", "--set", "broker.ib.port=1", "--within", "1")

    assert done.returncode == 1
    assert "NOT FLAT" in done.stdout
    assert HaltLatch.at_home().read() is not None


def test_qe_flatten_closes_also_where_the_halt_cannot_be_written(home, qe_tws, overrides):
    home.write_text("a file in place of the folder: nothing can be written below it")
    qe_tws.control.manual_order("BUY", symbol=front(qe_tws))

    done = flatten("configs/live/mes_paper.yaml", "--set", overrides[0])

    assert done.returncode == 0, done.stderr
    assert "NOT HALTED" in done.stderr
    assert qe_tws.control.net(front(qe_tws)) == 0
