"""Group differences by their cause: the earliest fact, setting or source that differs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from qe_plugins.engine.risk.gate import HALT
from qe_plugins.research.parity.comparison import ParityDifference
from qe_plugins.research.parity.items import Key
from qe_plugins.research.parity.words import bar_words, difference_words, short

LATE_HOOK = re.compile(r"\bto answer\b|\bdid not answer\b|\bno answer\b|timed out", re.IGNORECASE)
BY_PLUGINS = ("vote", "signal", "size", "veto")
GENERAL = ("order", "outcome", "fill", "closing")


class ParityCause(msgspec.Struct, kw_only=True):
    """Why items differ: `kind` is bar, configuration, code, halt, hook, latency, price, earlier or
    unexplained. `first` describes the first of `differences`.
    """

    kind: str
    text: str
    first: str
    differences: list[Key]
    following: dict[str, int] = {}


class Evidence(msgspec.Struct, kw_only=True):
    """What is known to differ besides the items.

    `settings` are values of the configuration by dotted key, then and now; `code` are the keys of
    components and plugins whose source differs; `ticks` is the tick of each contract.
    """

    settings: Mapping[str, Sequence[object]] = {}
    code: Sequence[str] = ()
    ticks: Mapping[str, Decimal] = {}


def causes_of(differences: Mapping[Key, ParityDifference], evidence: Evidence) -> list[ParityCause]:
    """Return the causes of differences, each with those that follow from it, in time order.

    `differences` are in causal order.
    """
    return _Grouping(differences, evidence).grouped()


type Found = tuple[str, str]
"""The kind of a cause, and its text."""


class _Grouping:
    def __init__(self, differences: Mapping[Key, ParityDifference], evidence: Evidence) -> None:
        self._differences, self._evidence = differences, evidence
        self._cause: dict[Key, Found] = {}
        self._of_strategy: dict[tuple[str, str], Key] = {}
        self._last_fill: Key | None = None
        self._bars = [one for one in differences.values() if one.item.kind == "bar"]

    def grouped(self) -> list[ParityCause]:
        causes: dict[Found, ParityCause] = {}
        for key, one in self._differences.items():
            found = self._cause[key] = self._cause_of(one)
            known = causes.get(found)
            if known is None:
                kind, text = found
                causes[found] = ParityCause(
                    kind=kind, text=text, first=difference_words(one), differences=[key]
                )
            else:
                known.differences.append(key)
            self._note(key, one)
        for cause in causes.values():
            kinds = (self._differences[key].item.kind for key in cause.differences[1:])
            cause.following = dict(Counter(kinds))
        return list(causes.values())

    def _note(self, key: Key, one: ParityDifference) -> None:
        item = one.item
        if item.kind in GENERAL:
            self._of_strategy[item.source, item.contract] = key
        if item.kind == "fill":
            self._last_fill = key

    def _cause_of(self, one: ParityDifference) -> Found:
        if one.item.kind == "bar":
            return "bar", bar_words(one)
        for key in one.causes:
            if key in self._cause:
                return self._cause[key]
        return (
            self._own(one)
            or self._of_fill(one)
            or self._from_state(one)
            or self._from_bar(one)
            or self._from_settings(one)
            or ("unexplained", f"unexplained: {difference_words(one)}")
        )

    def _own(self, one: ParityDifference) -> Found | None:
        """Return what is known of its own plugin or strategy."""
        item = one.item
        section = "plugins" if item.kind in BY_PLUGINS else "strategies"
        place = f"{section}.{item.source}"
        if own := self._settings(place):
            return "configuration", own
        if place in self._evidence.code:
            return "code", f"{place}: its code has changed since"
        if item.kind == "veto":
            reason = str(item.values["reason"])
            if item.source == HALT:
                return "halt", f"halt: {reason}"
            if LATE_HOOK.search(reason):
                return "hook", f"{item.source} did not answer in time: {reason}"
        return None

    def _of_fill(self, one: ParityDifference) -> Found | None:
        """Return why a fill that both runs have differs."""
        if one.item.kind != "fill" or one.then is None or one.now is None:
            return None
        for bar in reversed(self._bars):
            if bar.item.contract == one.item.contract and bar.ts <= max(one.then.ts, one.now.ts):
                return self._cause[bar.item.key]
        if found := self._from_settings(one):
            return found
        contract = short(one.item.contract)
        if "time" in one.fields:
            late = "later" if one.then.ts > one.now.ts else "earlier"
            return "latency", f"latency: {contract} filled {late} than in the backtest"
        if set(one.fields) == {"price"}:
            then, now = one.fields["price"]
            tick = self._evidence.ticks.get(one.item.contract)
            ticks = f", {abs(then - now) / tick:f} ticks" if tick else ""
            return "price", f"price: {contract} filled at {then}, {now} in the backtest{ticks}"
        return None

    def _from_state(self, one: ParityDifference) -> Found | None:
        """Return the cause of the last difference that its strategy or the account had before."""
        item = one.item
        key = self._of_strategy.get((item.source, item.contract))
        if key is None and item.kind not in ("vote", "bar"):
            key = self._last_fill
        return None if key is None else self._cause[key]

    def _from_bar(self, one: ParityDifference) -> Found | None:
        """Return the last bar before it that differs, of its contract before others'."""
        before = [bar for bar in self._bars if bar.ts <= one.ts]
        own = [bar for bar in before if bar.item.contract == one.item.contract]
        found = own or before
        return ("bar", bar_words(found[-1])) if found else None

    def _from_settings(self, one: ParityDifference) -> Found | None:
        """Return the settings that differ: those of all parts first, then those of others."""
        apart = ("plugins.", "strategies.")
        shared = _listed(
            (key, pair)
            for key, pair in self._evidence.settings.items()
            if not key.startswith(apart)
        )
        if found := shared or _listed(self._evidence.settings.items()):
            return "configuration", found
        if self._evidence.code:
            places = ", ".join(self._evidence.code)
            return "code", f"{places}: code has changed since"
        return None

    def _settings(self, place: str) -> str:
        return _listed(
            (key, pair)
            for key, pair in self._evidence.settings.items()
            if key == place or key.startswith(f"{place}.")
        )


def _listed(settings: Iterable[tuple[str, Sequence[object]]]) -> str:
    return "; ".join(f"{key}: {pair[0]} then, {pair[1]} now" for key, pair in settings)
