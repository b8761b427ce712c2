"""The channels of alarms and notices. Each sends one, or raises ChannelFailed with the reason."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from qe_plugins.alarms.incidents import IncidentAlarm, Sendable
from qe_plugins.config.alarms import AlarmSettings
from qe_plugins.halt.facts import record_run
from qe_plugins.journal.activity.records import ActivityKind, PipelineEntry, Severity
from qe_plugins.journal.activity.report import record
from qe_plugins.journal.facts import FactKind
from qe_plugins.safe_text import in_words

MOST_OUTPUT = 300
"""Characters of a command's error that are kept."""


class ChannelFailed(Exception):  # noqa: N818 - it is tried again
    """An alarm did not go out. The message has no secret."""


class AlarmChannel(Protocol):
    """One way to a person. `name` has no secret in it."""

    name: str

    def send(self, alarm: Sendable) -> None:
        """Send an alarm. Raises ChannelFailed."""


def channels_of(settings: AlarmSettings) -> list[AlarmChannel]:
    """Return the journal, and the channels of the settings."""
    found: list[AlarmChannel] = [JournalChannel()]
    if settings.command:
        found.append(CommandChannel(settings.command, settings.timeout))
    if settings.webhook:
        found.append(WebhookChannel(settings.webhook, settings.timeout))
    for number, address in enumerate(filter(None, settings.notify), 1):
        found.append(NotifyChannel(address, number))
    return found


class JournalChannel:
    """Writes an alarm as a fact."""

    name = "journal"

    def send(self, alarm: Sendable) -> None:
        """Write the fact, in a small run of its own; only incidents are facts."""
        assert isinstance(alarm, IncidentAlarm)
        body = msgspec.to_builtins(alarm)
        if (why := record_run(FactKind.ALARM, "watch", body)) is not None:
            raise ChannelFailed(why)
        record(
            PipelineEntry(
                process="watch",
                kind=ActivityKind.ALARM,
                text=f"{alarm.title}: {alarm.text}",
                severity=Severity.INFO if alarm.ended else Severity.ALARM,
                href=f"/incident/{alarm.incident}",
            )
        )


class CommandChannel:
    """Runs a command of the user with the alarm as JSON on its standard input."""

    def __init__(self, command: list[str], timeout: float) -> None:
        self.name, self._command, self._timeout = f"command {command[0]}", command, timeout

    def send(self, alarm: Sendable) -> None:
        """Run it. It fails with another exit code than 0, and where it takes too long."""
        try:
            done = subprocess.run(
                self._command,
                input=msgspec.json.encode(_document(alarm)),
                capture_output=True,
                timeout=self._timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ChannelFailed(f"it did not end within {self._timeout:g} s") from None
        except OSError as error:
            raise ChannelFailed(in_words(error)) from error
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()[-MOST_OUTPUT:]
            raise ChannelFailed(f"exit code {done.returncode} {said}".rstrip())


class WebhookChannel:
    """Posts the alarm as JSON."""

    def __init__(self, address: str, timeout: float) -> None:
        self.name = f"webhook {urlsplit(address).hostname}"
        self._address, self._timeout = address, timeout

    def send(self, alarm: Sendable) -> None:
        """Post it. It fails with another status than 2xx; redirects are not followed."""
        import requests

        try:
            answer = requests.post(
                self._address,
                data=msgspec.json.encode(_document(alarm)),
                headers={"Content-Type": "application/json"},
                timeout=self._timeout,
                allow_redirects=False,
            )
        except requests.RequestException as error:  # its message has the address in it
            raise ChannelFailed(type(error).__name__) from None
        if not 200 <= answer.status_code < 300:
            raise ChannelFailed(f"status {answer.status_code}")


class NotifyChannel:
    """Sends the alarm through `apprise`: Telegram, e-mail and a hundred others."""

    def __init__(self, address: str, number: int) -> None:
        self.name = f"notify {number} ({address.partition(':')[0]})"
        self._address = address

    def send(self, alarm: Sendable) -> None:
        """Send it. Raises ChannelFailed where the address is none, or the service refuses."""
        from apprise import Apprise, NotifyType

        sender = Apprise()
        kind = NotifyType.SUCCESS if alarm.ended else NotifyType.FAILURE
        if not isinstance(alarm, IncidentAlarm):
            kind = NotifyType.INFO
        link = f"\n{alarm.link}" if alarm.link else ""
        with _without_log():
            if not sender.add(self._address):
                raise ChannelFailed("it is no address of apprise")
            if not sender.notify(title=alarm.title, body=f"{alarm.text}{link}", notify_type=kind):
                raise ChannelFailed("the service did not take it")


@contextmanager
def _without_log() -> Iterator[None]:
    """Keep apprise from logging addresses, which contain secrets."""
    logger = logging.getLogger("apprise")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _document(alarm: Sendable) -> dict[str, object]:
    return {"title": alarm.title, **msgspec.to_builtins(alarm)}
