"""Features of a run: computed for a chunk before its bars are processed, or bar by bar.

A plugin sees the values of one bar. Both ways call the same functions on the same numbers, so that
they give the same bits; `start_chunk` with one bar is how a session computes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from qe_plugins.bars import Bars
from qe_plugins.errors import FeatureError, did_you_mean
from qe_plugins.features.across import AcrossValues
from qe_plugins.features.chain import DailyChain
from qe_plugins.features.columns import FrameColumns, OwnColumns
from qe_plugins.features.frames import DAY, FrameBuilder, joined
from qe_plugins.features.names import Wanted
from qe_plugins.features.trigger import FeatureTrigger


class ListedContract:
    """A contract that features are computed for: its id, root and expiry (UTC ns)."""

    __slots__ = ("expires", "id", "root")

    def __init__(self, id_: str, root: str, expires: int) -> None:
        self.id, self.root, self.expires = id_, root, expires


class FeatureFeed:
    """The features of all contracts of a run. `views` has what plugins see, by contract id."""

    def __init__(
        self,
        wanted: Wanted,
        contracts: Iterable[ListedContract],
        base: str,
        triggers: Mapping[str, FeatureTrigger] | None = None,
    ) -> None:
        """Take what is wanted, and the timeframe of the bars, such as `1m`."""
        self.wanted, self._triggers = wanted, dict(triggers or {})
        ordered = sorted(contracts, key=lambda one: (one.root, one.expires, one.id))
        roots: dict[str, list[ListedContract]] = {}
        for one in ordered:
            roots.setdefault(one.root, []).append(one)
        self._roots = {root: RootFeed(root, found, wanted, base) for root, found in roots.items()}
        self.views = {
            one.id: FeatureView(one.id, self._roots[one.root].contracts[one.id], wanted)
            for one in ordered
        }
        self._root_of = {one.id: one.root for one in ordered}

    def column(self, contract: str, name: str, at: np.ndarray | None = None) -> np.ndarray:
        """Return a feature of a contract at its bars `at` of the chunk, null as NaN.

        Without `at` at each of them, for which a registered family is called once a bar.
        """
        return self._roots[self._root_of[contract]].contracts[contract].column(name, at)

    def compute(self, bars: Mapping[str, Bars]) -> None:
        """Compute the features of a chunk's bars, by contract. None of them is known yet."""
        by_root: dict[str, dict[str, Bars]] = {}
        for contract, found in bars.items():
            if contract in self._root_of:
                by_root.setdefault(self._root_of[contract], {})[contract] = found
        for contract in bars:
            if contract in self.views:
                self.views[contract].keep_last()
        for root, found_bars in by_root.items():
            self._roots[root].start_chunk(found_bars)
            for contract in found_bars:
                self.views[contract].start_chunk(self._triggers)


class RootFeed:
    """The contracts of one root, and the chain of its sessions."""

    def __init__(
        self, root: str, contracts: list[ListedContract], wanted: Wanted, base: str
    ) -> None:
        self._daily = "1d" in wanted.windows
        self._chain = DailyChain([one.id for one in contracts])
        self._columns = FrameColumns(f"{root} sessions", wanted.windows.get(DAY, []))
        self._waiting: dict[str, list[Bars]] = {one.id: [] for one in contracts}
        self.contracts = {
            one.id: ContractFeed(one, following, wanted, base)
            for one, following in zip(contracts, [*contracts[1:], None], strict=True)
        }

    def start_chunk(self, bars: Mapping[str, Bars]) -> None:
        latest = max((int(b.ts_event[-1]) for b in bars.values() if len(b)), default=0)
        for contract, found in bars.items():
            self.contracts[contract].start_chunk(found)
        for contract, feed in self.contracts.items():
            self._waiting[contract] += feed.take_sessions(latest)
        if self._daily:
            self._extend_chain(latest, bars)
        for contract, feed in self.contracts.items():
            if feed.following is not None and feed.following.id in bars:
                feed.across.add_following(bars[feed.following.id])
            if contract in bars:
                feed.across.start_chunk(bars[contract], feed.column)

    def _extend_chain(self, latest: int, bars: Mapping[str, Bars]) -> None:
        ready: dict[str, Bars] = {}
        for contract, waiting in self._waiting.items():
            if not waiting:
                continue
            sessions = joined(waiting)
            complete = int(np.searchsorted(sessions.ts_event, latest, "left"))
            ready[contract] = sessions[:complete]
            self._waiting[contract] = [sessions[complete:]] if complete < len(sessions) else []
        stamps, fixed, volumes = self._chain.extend(ready)
        self._columns.start(len(stamps))
        if len(stamps):
            self._columns.extend_units(stamps, fixed, volumes)
        for contract, found in bars.items():
            index = np.searchsorted(stamps, found.ts_event, "left")
            self.contracts[contract].frames[DAY] = self._columns.seen_by(index)


class ContractFeed:
    """One contract: its timeframes, and what is known at each bar of the present chunk."""

    def __init__(
        self,
        contract: ListedContract,
        following: ListedContract | None,
        wanted: Wanted,
        base: str,
    ) -> None:
        self.contract, self.following, self._base = contract, following, base
        self._wanted = wanted
        frames = wanted.timeframes
        self._builders = {
            frame: FrameBuilder(frame, contract.root, f"{contract.id}-{frame}")
            for frame in frames
            if frame not in (base, DAY)
        }
        self._day = FrameBuilder(DAY, contract.root, f"{contract.id}-1d") if DAY in frames else None
        self._columns = {
            frame: FrameColumns(f"{contract.id} {frame}", wanted.windows.get(frame, []))
            for frame in frames
            if frame != DAY
        }
        self.own = OwnColumns(wanted.own)
        self.frames: dict[str, FrameColumns] = {}
        self.across = AcrossValues(contract, following, wanted.across)
        self._closed_days: list[Bars] = []
        self.stamps: list[int] = []

    def start_chunk(self, bars: Bars) -> None:
        self.stamps = bars.ts_event.tolist()
        self.own.start()
        for frame, columns in self._columns.items():
            builder = self._builders.get(frame)
            closed, index = (bars, np.arange(1, len(bars) + 1))
            if builder is not None:
                closed, index = builder.extend(bars)
            columns.start(len(closed))
            if len(closed):
                columns.extend(closed)
            self.frames[frame] = columns.seen_by(index)
            self.own.extend(frame, closed, index)
        if self._day is not None:
            closed, index = self._day.extend(bars)
            self._closed_days.append(closed)
            self.own.extend(DAY, closed, index)
            self.across.frame = (self._day.opens, self._day.before)

    def take_sessions(self, latest: int) -> list[Bars]:
        """Return the sessions that have ended by `latest` (UTC ns) since the last call."""
        if self._day is None:
            return []
        ended = [*self._closed_days, self._day.finish(latest)]
        self._closed_days = []
        return [one for one in ended if len(one)]

    def column(self, name: str, at: np.ndarray | None = None) -> np.ndarray:
        """Return a feature at bars `at` of the chunk, at each by default, null as NaN."""
        frame, _, rest = name.partition(".")
        if name in self.own.families:
            return self.own.column(name, range(len(self.stamps)) if at is None else at.tolist())
        whole = self.across.values[rest] if frame == "across" else self.frames[frame].column(rest)
        return whole if at is None else whole[at]


class FeatureView:
    """The features of one contract at its present bar, as plugins see them."""

    __slots__ = ("_at", "_columns", "_feed", "_last", "_stamps", "_wanted", "contract", "holds")

    def __init__(self, contract: str, feed: ContractFeed, wanted: Wanted) -> None:
        self.contract, self._feed, self._wanted = contract, feed, wanted
        self._columns: dict[str, np.ndarray] = {}
        self._stamps: list[int] = []
        self._last: dict[str, float] = {}
        self._at = -1
        self.holds: dict[str, list[bool]] = {}

    def __getitem__(self, name: str) -> float:
        """Return a feature at the present bar, NaN where it is null.

        Raises FeatureError, with a suggestion, for a name that was not declared.
        """
        column = self._columns.get(name)
        if column is None:
            if name not in self._wanted.names:
                raise undeclared(name, self._wanted.names)
            if self._at < 0:
                return self._last.get(name, math.nan)
            if name in self._wanted.own:
                return self._feed.own.value(name, self._at)
            column = self._columns[name] = self._feed.column(name)
        return float(column[self._at])

    def known(self, *names: str) -> bool:
        """Return whether features have a value at the present bar; all declared ones by default."""
        return all(self[name] == self[name] for name in names or self._wanted.names)

    @property
    def computed(self) -> bool:
        """Return whether the features of the next bar are computed."""
        return self._at + 1 < len(self._stamps)

    def keep_last(self) -> None:
        """Remember the present values, which stay until the first bar of the next chunk.

        Raises FeatureError where bars of the chunk never came.
        """
        if self.computed:
            message = "features were computed for bars that never came."
            raise FeatureError(message, where=self.contract)
        self._last = {name: self[name] for name in self._wanted.names}
        self._columns, self._at = {}, -1

    def start_chunk(self, triggers: Mapping[str, FeatureTrigger]) -> None:
        """Take the columns of the next chunk; none of its bars is the present one yet."""
        self._stamps = self._feed.stamps
        for key, trigger in triggers.items():
            columns = {name: self._feed.column(name) for name in trigger.names}
            self.holds[key] = trigger.holds(columns).tolist()

    def advance(self, ts: int) -> None:
        """Make the next bar of the chunk the present one."""
        self._at += 1
        if self._at >= len(self._stamps) or self._stamps[self._at] != ts:
            raise FeatureError("features were computed for other bars.", where=self.contract)

    def skip(self, count: int) -> None:
        """Pass over bars of the chunk."""
        self._at += count

    def triggered(self, key: str) -> bool:
        """Return whether a trigger holds at the present bar."""
        return self.holds[key][self._at]


def undeclared(name: str, declared: Iterable[str]) -> FeatureError:
    """Return the error for a feature that was used and not declared."""
    hint = did_you_mean(name, declared) or 'Name it in `features = ("...",)` of the plugin.'
    return FeatureError(f"the feature '{name[:80]}' is not declared.", hint=hint)
