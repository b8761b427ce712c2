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
    """A component that hears in its turn, and waits for no bars that are not on the tape."""

    def subscribe_bars(self, bar_type: Any, *args: Any, **kwargs: Any) -> None:
        self.floor.listings.check_bars(str(bar_type), type(self).__name__)
        self.floor.feed(bar_type.instrument_id)
        super().subscribe_bars(bar_type, *args, **kwargs)  # type: ignore[misc]  # as above
        self.floor.circles.join("on_bar", bar_type.standard(), self)

    def unsubscribe_bars(self, bar_type: Any, *args: Any, **kwargs: Any) -> None:
        super().unsubscribe_bars(bar_type, *args, **kwargs)  # type: ignore[misc]  # as above
        self.floor.circles.leave("on_bar", bar_type.standard(), self)

    def subscribe_quotes(self, instrument_id: Any, *args: Any, **kwargs: Any) -> None:
        super().subscribe_quotes(instrument_id, *args, **kwargs)  # type: ignore[misc]  # as above
        self.floor.circles.join("on_quote", instrument_id, self)

    def unsubscribe_quotes(self, instrument_id: Any, *args: Any, **kwargs: Any) -> None:
        super().unsubscribe_quotes(instrument_id, *args, **kwargs)  # type: ignore[misc]  # as above
        self.floor.circles.leave("on_quote", instrument_id, self)

    def subscribe_trades(self, instrument_id: Any, *args: Any, **kwargs: Any) -> None:
        super().subscribe_trades(instrument_id, *args, **kwargs)  # type: ignore[misc]  # as above
        self.floor.circles.join("on_trade", instrument_id, self)

    def unsubscribe_trades(self, instrument_id: Any, *args: Any, **kwargs: Any) -> None:
        super().unsubscribe_trades(instrument_id, *args, **kwargs)  # type: ignore[misc]  # as above
        self.floor.circles.leave("on_trade", instrument_id, self)

    def subscribe_data(self, data_type: Any, *args: Any, **kwargs: Any) -> None:
        super().subscribe_data(data_type, *args, **kwargs)  # type: ignore[misc]  # as above
        self.floor.circles.join("on_data", data_type, self)

    def unsubscribe_data(self, data_type: Any, *args: Any, **kwargs: Any) -> None:
        super().unsubscribe_data(data_type, *args, **kwargs)  # type: ignore[misc]  # as above
        self.floor.circles.leave("on_data", data_type, self)
