"""Alarms: one for each incident, through every channel until it has gone out.

`incidents.py` says what is new, `channels.py` has a class a channel, and `dispatch.py` sends, on a
thread a channel; `notices.py` sends what is no incident, once. A channel is added in `channels.py`
and in `config/alarms.py`. The only package that imports `apprise`. Imports config, halt (which
writes facts) and the modules below.
"""

from qe_plugins.alarms.dispatch import AlarmDispatch, ChannelState
from qe_plugins.alarms.incidents import DayNotice, IncidentAlarm, Incidents, Severity

__all__ = ["AlarmDispatch", "ChannelState", "DayNotice", "IncidentAlarm", "Incidents", "Severity"]
