"""A notice: what a person is sent that is no incident, such as the morning page of a day."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from qe_plugins.alarms.channels import ChannelFailed, JournalChannel, channels_of
from qe_plugins.alarms.incidents import DayNotice
from qe_plugins.config.alarms import AlarmSettings


class SentNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A channel that was tried once: `problem` is why the notice did not go out, None if it did."""

    channel: str
    problem: str | None


def send_notice(settings: AlarmSettings, notice: DayNotice) -> Iterator[SentNotice]:
    """Send a notice once through each channel of the settings, and yield how each went."""
    for channel in channels_of(settings):
        if isinstance(channel, JournalChannel):
            continue  # the journal has what the notice is made of
        try:
            channel.send(notice)
        except ChannelFailed as error:
            yield SentNotice(channel=channel.name, problem=str(error))
        else:
            yield SentNotice(channel=channel.name, problem=None)
