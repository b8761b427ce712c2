"""What plugins and strategies see of a run's features, and which hunters a bar calls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qe_plugins.bars import columns_of
from qe_plugins.errors import FeatureError

if TYPE_CHECKING:
    from nautilus_trader.model import Bar

    from qe_plugins.bars import Bars
    from qe_plugins.features.feed import FeatureFeed, FeatureView
    from qe_plugins.plugins import HookCaller
    from qe_plugins.plugins.base import Features


class NoFeatures:
    """The features of a run, or of a contract, that has none."""

    def __getitem__(self, name: str) -> float:
        hint = 'Name it in `features = ("...",)` of the plugin.'
        raise FeatureError(f"the feature '{name[:80]}' is not declared.", hint=hint)

    def known(self, *names: str) -> bool:
        """Return whether all of no features have a value: of named ones, none has."""
        return not names


NO_FEATURES = NoFeatures()


class RunFeatures:
    """The features of a run: computed for a chunk in advance, or at each bar of a session.

    `declared` are the names that each plugin declares.
    """

    def __init__(
        self,
        feed: FeatureFeed | None = None,
        declared: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._feed, self._declared = feed, declared or {}
        self._views: dict[Any, FeatureView | None] = {}
        self.active = feed is not None

    def compute(self, bars: Mapping[str, Bars]) -> None:
        """Compute the features of bars, by contract. No plugin sees one before its bar."""
        if self._feed is not None:
            self._feed.compute(bars)

    def of(self, contract: str) -> Features:
        """Return the features of a contract (id) at its last bar."""
        found = self._feed.views.get(contract) if self._feed is not None else None
        return NO_FEATURES if found is None else found

    def declared_by(self, plugin: str, contract: str) -> dict[str, float | None]:
        """Return what a plugin declares at the last bar of a contract (id), null as None."""
        view, names = self.of(contract), self._declared.get(plugin, ())
        if view is NO_FEATURES:
            return {}
        return {name: None if math.isnan(value := view[name]) else value for name in names}

    def advance(self, bar: Bar) -> FeatureView | None:
        """Make a bar the present one of its contract; compute its features if they are not yet."""
        kind = bar.bar_type
        view = self._views.get(kind)
        if view is None:
            assert self._feed is not None
            view = self._views[kind] = self._feed.views.get(str(kind.instrument_id))
            if view is None:
                return None
        if not view.computed:
            assert self._feed is not None
            self._feed.compute({view.contract: columns_of(str(kind), [bar])})
        view.advance(bar.ts_event)
        return view


class TriggeredHunters:
    """The hunters with a trigger among those of a caller; the others are called at every bar."""

    def __init__(self, caller: HookCaller | None, triggers: frozenset[str]) -> None:
        every = caller.implementations if caller else ()
        self._triggered = [one for one in every if one.plugin in triggers]
        self._always = len(self._triggered) < len(every)

    def set_active(self, view: FeatureView | None) -> bool:
        """Activate the hunters whose trigger holds; return whether any hunter is to be called."""
        called = self._always
        for one in self._triggered:
            one.active = view is not None and view.triggered(one.plugin)
            called = called or one.active
        return called
