"""No new risk without a watcher: for sessions whose configuration demands one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qe_plugins.halt.watcher_heartbeat import missing

if TYPE_CHECKING:
    from qe_plugins.engine.broker.session import LiveSession


class WatcherRequired:
    """Refuses orders that add risk while no watcher of the account has a heartbeat.

    Orders that only reduce a position pass. It ends by itself when a watcher runs again.
    """

    def start(self, session: LiveSession) -> None:
        """Begin, where `watch.required` is set."""
        if session.live.loaded.config.watch.required:
            session.conditions.append(partial(missing, session.account))

    def stop(self) -> None:
        """End; nothing is left behind."""
