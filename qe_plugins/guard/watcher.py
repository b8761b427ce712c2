"""The watcher's loop: look, judge, alarm, and do what the configuration allows."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins import state_dir
from qe_plugins.alarms import AlarmDispatch, IncidentAlarm, Incidents
from qe_plugins.alarms.channels import channels_of
from qe_plugins.config.loader import Loaded
from qe_plugins.errors import QeError
from qe_plugins.guard.checks import OF_THE_BROKER, Seen, WatchFinding, findings
from qe_plugins.guard.configured import guarded_of, with_quotes
from qe_plugins.guard.flatten import FlattenReport, flatten
from qe_plugins.guard.looking import Looks
from qe_plugins.guard.morning import MorningPage
from qe_plugins.guard.nightly import NightlyParity
from qe_plugins.guard.restarts import NodeRestarts
from qe_plugins.guard.watcher_socket import Say, WatcherSocket
from qe_plugins.halt import watcher_heartbeat
from qe_plugins.halt.facts import halt_body, record_run
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.ib_client import BrokerConnection, BrokerEvent
from qe_plugins.journal.facts import FactKind
from qe_plugins.safe_text import in_words

LOG = logging.getLogger(__name__)

SOURCE = "watcher"
FLATTEN_WITHIN = 30.0
OF_THE_WATCHER = frozenset({"channel", "restarts_exhausted", "flattened", "parity", "report"})
"""Kinds that no finding begins or ends."""


class Watcher:
    """Watches one account until it is stopped. `show` is called with a line for what happens."""

    def __init__(
        self, loaded: Loaded, config: Path, show: Callable[[str], object] = lambda line: None
    ) -> None:
        self.guarded = with_quotes(guarded_of(loaded))
        watch, alarms, broker = loaded.config.watch, loaded.config.alarms, loaded.config.broker
        assert broker is not None  # `guarded_of` refuses a file without one
        self._settings, self._show = watch, show
        account = self.guarded.endpoint.account
        folder = state_dir.state_dir() / "watch"
        self.broker = BrokerConnection(self.guarded.endpoint, self._on_event)
        self._looks = Looks(
            self.broker,
            self.guarded,
            restart_at=broker.ib.restart_at,
            restart_lasts=watch.restart_lasts,
            with_budget=watch.model_budget is not None,
        )
        self._complaints: deque[tuple[str, str]] = deque()
        self._incidents = Incidents(account, folder / f"{account}.incidents", alarms.observatory)
        self.dispatch = AlarmDispatch(
            channels_of(alarms),
            retry_for=alarms.retry_for,
            complain=lambda *what: self._complaints.append(what),
        )
        self._restarts = NodeRestarts(watch.restart, folder)
        self._nightly = NightlyParity(folder) if watch.parity else None
        by_person = alarms.command or alarms.webhook or any(alarms.notify)
        self._morning = (
            MorningPage(folder, config.resolve(), watch.report_at)
            if watch.report_at is not None and by_person
            else None
        )
        self._since: dict[tuple[str, str], float] = {}
        self._stopped = False
        self._last: Seen | None = None
        self._socket = WatcherSocket(account, str(config.resolve()), self._answer)

    def run(self) -> None:
        """Watch until `stop` is called."""
        while not self._stopped:
            began = time.monotonic()
            self.step()
            left = self._settings.every - (time.monotonic() - began)
            while left > 0 and not self._stopped:
                time.sleep(min(left, 0.1))
                left = self._settings.every - (time.monotonic() - began)

    def stop(self) -> None:
        """End `run` after the look that is under way."""
        self._stopped = True

    def close(self) -> list[str]:
        """End everything; return the channels that could not send what they had."""
        watcher_heartbeat.stop_beating(self.guarded.endpoint.account)
        self._socket.close()
        self.broker.close()
        return [f"{one.name}: {one.problem}" for one in self.dispatch.close()]

    def step(self) -> Seen:
        """Look once, and do what follows from it."""
        try:
            watcher_heartbeat.beat(self.guarded.endpoint.account)
        except OSError as error:  # no heartbeat is no new risk, where it is required
            LOG.error("the heartbeat could not be written: %s", in_words(error))
        seen = self._last = self._looks.look()
        found = findings(seen, self.guarded.contracts, self._settings)
        self._judge(seen, found)
        self._protect(seen)
        self._restart(seen)
        if self._nightly is not None:
            self._check_parity(self._nightly, seen)
        if self._morning is not None:
            self._send_page(self._morning, seen)
        return seen

    def _judge(self, seen: Seen, found: list[WatchFinding]) -> None:
        """Begin incidents that have lasted, and end those that are over."""
        now = time.monotonic()
        current = {(one.kind, one.about): one for one in found}
        for key in [key for key in self._since if key not in current]:
            if seen.snapshot is not None or key[0] not in OF_THE_BROKER:
                del self._since[key]
        for key, one in current.items():
            since = self._since.setdefault(key, now)
            if now - since >= one.after:
                self._alarm(self._incidents.begin(one.kind, one.about, one.severity, one.text))
        for alarm in self._incidents.open:
            stays = alarm.kind in OF_THE_WATCHER or (alarm.kind, alarm.about) in current
            if not stays and (seen.snapshot is not None or alarm.kind not in OF_THE_BROKER):
                self._alarm(self._incidents.end(alarm.kind, alarm.about))
        self._judge_channels()

    def _judge_channels(self) -> None:
        """Begin what channels complained of, then end it where a channel's last attempt went out.

        In this order: a complaint of after the states were read is for the next look.
        """
        while self._complaints:
            channel, why = self._complaints.popleft()
            text = f"Alarms do not go out by {channel}: {why}. They are tried again."
            self._alarm(self._incidents.begin("channel", channel, "critical", text))
        for state in self.dispatch.states():
            if state.problem is None:
                self._alarm(self._incidents.end("channel", state.name))

    def _alarm(self, alarm: IncidentAlarm | None) -> None:
        if alarm is not None:
            self._show(f"{alarm.title}: {alarm.text}")
            self.dispatch.send(alarm)

    def _protect(self, seen: Seen) -> None:
        """Close a position that has been without a stop for too long and that no node can mend."""
        after = self._settings.flatten_after
        if not after or seen.running is not None:
            return
        bare = [key for key in self._since if key[0] == "unprotected"]
        if any(time.monotonic() - self._since[key] >= after for key in bare):
            names = ", ".join(about for _, about in bare)
            reason = f"{names} had no stop for {after:g} s, and no node runs"
            report = self._halt_and_flatten(reason, FLATTEN_WITHIN, self._show)
            text = f"Closed, verified twice: {reason}."
            if not report.is_flat:
                text = f"NOT FLAT: {report.problem}. It was to be closed: {reason}."
            self._incidents.end("flattened", names)
            self._alarm(self._incidents.begin("flattened", names, "critical", text))
            for key in bare:
                self._since[key] = time.monotonic()

    def _halt_and_flatten(self, reason: str, within: float, say: Say) -> FlattenReport:
        try:
            halt = HaltLatch.at_home().set(reason, SOURCE)
            record = halt.later[-1] if halt.later else halt
        except QeError as error:  # a full disk must not keep a position open
            say(f"NOT HALTED: {error}")
            record = None
        report = flatten(self.broker, self.guarded.contracts, within=within, say=say)
        report = msgspec.structs.replace(report, by=SOURCE)
        if record is not None:
            record_run(FactKind.HALT, SOURCE, halt_body(record))
        record_run(FactKind.FLATTEN, SOURCE, msgspec.to_builtins(report))
        return report

    def _restart(self, seen: Seen) -> None:
        done = self._restarts.act(seen.sessions, halted=seen.halt is not None)
        if done is not None:
            self._show(done)
        died = any(one.state == "died" for one in seen.sessions) and seen.running is None
        if died and self._restarts.exhausted:
            text = f"The node died {len(self._restarts.recent)} times within an hour: left so."
            self._alarm(self._incidents.begin("restarts_exhausted", "", "critical", text))
        elif seen.running is not None:
            self._alarm(self._incidents.end("restarts_exhausted", ""))

    def _check_parity(self, nightly: NightlyParity, seen: Seen) -> None:
        result = nightly.act(seen.at, seen.sessions, is_open=seen.is_open)
        if result is None:
            return
        self._show(result.line)
        self._alarm(self._incidents.end("parity", self.guarded.name))
        if not result.is_clean:
            about, text = self.guarded.name, result.line
            self._alarm(self._incidents.begin("parity", about, "warning", text))

    def _send_page(self, morning: MorningPage, seen: Seen) -> None:
        result = morning.act(seen.at)
        if result is None:
            return
        self._show(result.line)
        self._alarm(self._incidents.end("report", self.guarded.name))
        if not result.is_sent:
            about, text = self.guarded.name, result.line
            self._alarm(self._incidents.begin("report", about, "warning", text))

    def _answer(self, request: dict[str, Any], say: Say) -> Any:
        """Answer another process: `flatten`, whose caller has set the latch, or `status`."""
        match request.get("do"):
            case "flatten":
                within = float(request.get("within", FLATTEN_WITHIN))
                report = flatten(self.broker, self.guarded.contracts, within=within, say=say)
                return msgspec.to_builtins(msgspec.structs.replace(report, by=SOURCE))
            case "status":
                return self.status()
        raise QeError(f"the watcher does not know {request.get('do')!r}.")

    def status(self) -> dict[str, Any]:
        """Return how things stand, as plain data."""
        return {
            "account": self.guarded.endpoint.account,
            "broker": self.broker.state,
            "incidents": msgspec.to_builtins(self._incidents.open),
            "channels": msgspec.to_builtins(self.dispatch.states()),
        }

    def _on_event(self, event: BrokerEvent) -> None:
        if event.code in (0, 1100, 1101, 1102, 2103, 2104, 2110):
            self._show(f"broker: {event.code or 'connection'} {event.text}")
