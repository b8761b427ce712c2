"""What a hosted component has below its author's class: timers and ears that are not silent."""

from __future__ import annotations

from typing import Any, ClassVar

from qe_plugins.engine.alarm import LoudClock
from qe_plugins.engine.floor import Floor


class Loud:
    """A component whose timers cannot fail in silence."""

    floor: ClassVar[Floor]

    @property
    def clock(self) -> Any:
        engines_own = super().clock  # type: ignore[misc]  # the engine's class comes after this one
        return LoudClock(engines_own, self, self.floor.alarm)


class Subscribing(Loud):
    """A component that cannot wait in silence for bars that are not on the tape."""

    def subscribe_bars(self, bar_type: Any, *args: Any, **kwargs: Any) -> None:
        self.floor.listings.check_bars(str(bar_type), type(self).__name__)
        self.floor.feed(bar_type.instrument_id)
        super().subscribe_bars(bar_type, *args, **kwargs)  # type: ignore[misc]  # as above
