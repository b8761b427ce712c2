"""Nothing that a plugin or a strategy is given leads to a bar that has not closed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import yaml
from nautilus_trader.model import Bar, FuturesContract

from qe_plugins import Plugin, Side, Signal, hookimpl
from qe_plugins.config.loader import load
from qe_plugins.engine.running.backtest import run
from qe_plugins.engine.signals.history import History
from qe_plugins.plugins import PluginManager
from tests.engine.conftest import CONTRACTS
from tests.engine.followers import BUY, SELL, Follower
from tests.engine.rolling.test_rolled_strategy import write_tape

CLOSES = [5_000 + 10 * n for n in range(10)]
"""Of both contracts, so that a price says which bar it is from."""

OURS = ("qe_plugins", "tests", "agents", "strategies")

type Look = tuple[str, float, float]
"""Who looked, the close of the bar it was at, and the largest price that it could reach."""


def numbers(thing: Any, seen: dict[int, Any]) -> Iterator[float]:
    """Yield every number that can be reached from something without a private name."""
    if id(thing) in seen:
        return
    seen[id(thing)] = thing
    if isinstance(thing, Bar):
        yield thing.close.as_double()
    elif isinstance(thing, int | float):
        yield float(thing)
    elif isinstance(thing, np.ndarray):
        yield from thing.ravel().tolist()
        yield from numbers(thing.base, seen)
    elif isinstance(thing, Mapping):
        yield from numbers([*thing.keys(), *thing.values()], seen)
    elif isinstance(thing, list | tuple | set | frozenset | deque):
        for one in thing:
            yield from numbers(one, seen)
    elif type(thing).__module__.startswith(OURS):
        for name in dir(thing):
            if not name.startswith("_"):
                yield from numbers(getattr(thing, name, None), seen)


def largest_price(*given: Any) -> float:
    return max(number for number in numbers(given, {}) if number < 10_000)


class Looks(Plugin):
    """Looks at everything that it is given, each time it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self._looks: list[Look] = []
        self._now = 0.0

    def _look(self, hook: str, given: dict[str, Any]) -> None:
        history, contract = given.get("history"), self._contract
        views: list[Any] = []
        if isinstance(history, History):
            bars = history.last(f"{contract}-1-MINUTE-LAST-EXTERNAL", 3)
            views = [bars, bars[0:9], bars[-9:9], bars.floats("close")]
        self._looks.append((hook, self._now, largest_price(self._now, given, views)))

    @hookimpl
    def contribute_signals(self, bar: Any, cache: Any, history: Any) -> Signal:
        self._now, self._contract = float(bar.close), str(bar.bar_type.instrument_id)
        self._look("contribute_signals", {"bar": bar, "cache": cache, "history": history})
        return Signal(instrument_id=self._contract, side=Side.LONG, reason="a test")

    @hookimpl
    def resolve_signals(self, signals: Any, instrument: Any, portfolio: Any) -> Signal:
        self._look("resolve_signals", {"of": (signals, instrument, portfolio)})
        return signals[0]

    @hookimpl
    def veto_order(
        self, order: Any, posture: Any, rung: Any, account: Any, history: Any, cache: Any
    ) -> None:
        given = {"of": (order, posture, rung, account, cache), "history": history}
        self._look("veto_order", given)


class LooksAround(Follower):
    """Looks at everything that it has, at every bar of the front; turns its position at each."""

    _looks: ClassVar[list[Look]] = []

    def on_bar(self, bar: Bar) -> None:
        super().on_bar(bar)
        type(self).heard.clear()
        now = float(bar.close)
        own = [getattr(self, name, None) for name in dir(self) if not name.startswith("_")]
        LooksAround._looks.append(("strategy", now, largest_price(now, own)))
        self.submit_order(self.market(BUY if self.bars % 2 else SELL))


@pytest.mark.parametrize("follows", ["MES", "MESH24.XCME"])
def test_nothing_public_leads_to_a_later_bar(
    tmp_path: Path, qe_contract: FuturesContract, follows: str
) -> None:
    folder = write_tape(tmp_path / "tape", qe_contract, CLOSES, CLOSES)
    entry: dict[str, Any] = {"path": f"{__name__}:LooksAround"}
    if follows == "MES":
        entry |= {"instrument": "MES", "roll": "volume", "config": {}}
    else:
        entry |= {"config": {"instrument_id": follows}}
    config = {
        "name": "a look around",
        "data": {"catalog": str(folder)},
        "strategies": {"looks": entry},
        "contracts": CONTRACTS,
    }
    file = tmp_path / "looks.yaml"
    file.write_text(yaml.safe_dump(config))
    plugin, LooksAround._looks = Looks(), []
    outcome = run(load(file), plugins=PluginManager([("looks", plugin)]))
    looks = [*plugin._looks, *LooksAround._looks]
    assert not [fact for fact in outcome.facts if fact.kind == "failure"]
    assert {who for who, *_ in looks} == {
        "contribute_signals", "resolve_signals", "veto_order", "strategy",
    }  # fmt: skip
    assert [look for look in looks if look[2] > look[1]] == []
