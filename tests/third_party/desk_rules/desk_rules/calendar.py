"""A plugin that needs a package which is not installed."""

import no_such_calendar

from qe_plugins import Plugin


class Calendar(Plugin):
    """Never made."""

    holidays = no_such_calendar.HOLIDAYS
