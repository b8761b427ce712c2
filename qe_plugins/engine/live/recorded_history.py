"""The history that a live session was warmed up with: as facts, and in a rerun of the session.

A component that asks for bars first receives those that had closed; the session records them. In a
rerun the same bars are on the tape before those of the session, so that the engine's cache has
them, and the components take them as history: indicators and hunters begin where they began then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from nautilus_trader.model import Bar
from nautilus_trader.trading import Strategy

from qe_plugins.engine.signals.pipeline import SignalPipeline
from qe_plugins.journal.facts import Fact, FactKind

PIPELINE = "signal_pipeline"
"""The source of the history of features and hunters; that of a strategy is its id."""

VALUES = ("open", "high", "low", "close", "volume")


def component_name(component: Any) -> str:
    """Return how the history of a component is known: a strategy's id, or the pipeline."""
    return component.strategy_id.value if isinstance(component, Strategy) else PIPELINE


def history_body(bar_type: Any, bars: Sequence[Bar]) -> dict[str, Any]:
    """Return the body of the fact of bars that a component received as history, oldest first."""
    rows = [[bar.ts_event, *(str(getattr(bar, name)) for name in VALUES)] for bar in bars]
    return {"bar_type": str(bar_type), "bars": rows}


class RecordedHistory:
    """What each component of a session was warmed up with.

    `bars` are the facts of all of its bars, each once. `names` has the name in the configuration of
    the strategy ids of the session; `rerun_names` those of a rerun's, once it is built.
    """

    def __init__(self, facts: Iterable[Fact], names: Mapping[str, str]) -> None:
        self.rerun_names: Mapping[str, str] = {}
        self._last: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._bars: dict[str, Fact] = {}
        began: set[str] = set()
        for fact in facts:
            if fact.kind is FactKind.SNAPSHOT:
                began.add(fact.id.partition(":")[2].rpartition("@")[0])
            elif fact.kind is FactKind.WARM_UP:
                self._take(fact, names.get(fact.source, fact.source), began)

    @property
    def bars(self) -> list[Fact]:
        """Return a fact, as of a bar that was streamed, for each bar of history."""
        return list(self._bars.values())

    def has(self, component: Any, bar: Bar) -> bool:
        """Return whether a component of a rerun received a bar as history."""
        name = component_name(component)
        last = self._last.get((self.rerun_names.get(name, name), str(bar.bar_type)), 0)
        return bool(bar.ts_event <= last)

    def ends_with(self, component: Any, bar: Bar) -> bool:
        """Return whether a bar is the last of a component's history."""
        name = component_name(component)
        known = self._last.get((self.rerun_names.get(name, name), str(bar.bar_type)), 0)
        return bool(bar.ts_event == known)

    def _take(self, fact: Fact, name: str, began: set[str]) -> None:
        bar_type = fact.body["bar_type"]
        for ts, *values in fact.body["bars"]:
            body = dict(zip(VALUES, values, strict=True))
            made = Fact(
                id=f"snapshot:{bar_type}@{ts}",
                kind=FactKind.SNAPSHOT,
                ts_event=ts,
                source=bar_type.partition("-")[0],
                body=body,
            )
            self._bars.setdefault(made.id, made)
            if bar_type not in began:  # what a session that was taken up asked for is no beginning
                key = (name, bar_type)
                self._last[key] = max(self._last[key], ts)


def recalling_pipeline(history: RecordedHistory) -> type[SignalPipeline]:
    """Return a backtest's signal pipeline that takes a session's history as history."""
    return type("RecallingPipeline", (_RecallingPipeline,), {"_history": history})


class _RecallingPipeline(SignalPipeline):
    _history: ClassVar[RecordedHistory]

    def on_bar(self, bar: Bar) -> None:
        if self._history.has(self, bar):
            self.learn(bar)
        else:
            super().on_bar(bar)


def recalling(strategy: Any, history: RecordedHistory) -> Any:
    """Return a subclass of a strategy that takes a session's history as history.

    Its indicators receive all of it; its `on_historical_bars` once, when the history is complete.
    """

    def on_bar(self: Any, bar: Bar) -> None:
        if not history.has(self, bar):
            strategy.on_bar(self, bar)
            return
        bars = _kept(self, str(bar.bar_type))
        bars.append(bar)
        if history.ends_with(self, bar):
            strategy.on_historical_bars(self, list(bars))
            bars.clear()

    body = {"on_bar": on_bar, "__module__": strategy.__module__}
    return type(strategy.__name__, (strategy,), body)


def _kept(component: Any, bar_type: str) -> list[Bar]:
    """Return the bars of history that a component has; its author may call no other `__init__`."""
    if "_recalled_bars" not in vars(component):
        component._recalled_bars = defaultdict(list)
    kept: list[Bar] = component._recalled_bars[bar_type]
    return kept
