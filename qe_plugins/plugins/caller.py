"""Call a hook on the plugins that implement it; check, time and count their answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from operator import itemgetter
from time import perf_counter
from typing import Any

import msgspec

from qe_plugins.errors import ReplayMiss
from qe_plugins.journal.hash_chain import encodable
from qe_plugins.plugins.types import Panel, Proposal, Review, Signal, Size, Veto
from qe_plugins.safe_text import in_words, writable, written

ANSWERS: dict[str, type] = {
    "contribute_signals": Signal,
    "resolve_signals": Signal,
    "size_order": Size,
    "veto_order": Veto,
    "trade_closed": Review,
    "session_closed": Proposal,
    "register_providers": Mapping,
    "register_features": Iterable,
    "dashboard_panels": Panel,
}
"""The type that an implementation of a hook may return besides None. Others return None."""


TEXTS: dict[type, tuple[str, ...]] = {
    Signal: ("instrument_id", "reason"),
    Size: ("reason",),
    Veto: ("reason",),
    Review: ("trade_id", "summary"),
    Proposal: ("title", "reason"),
}
"""The text fields of an answer, which are shown to the trader."""

FACTS: dict[type, str] = {Signal: "facts", Review: "facts", Proposal: "change"}
"""The field of an answer that holds data for later programs."""

NO_REASON = "no reason given"


class HookResult(msgspec.Struct, frozen=True):
    """The result of one call of one plugin.

    `value` is None where it returned None or raised, a tuple where it returned several signals;
    `error` is the exception; `seconds` is the time it took.
    """

    plugin: str
    value: Any
    error: BaseException | None
    seconds: float


@dataclass(slots=True)
class CallStats:
    """Counters of one plugin's implementation of one hook."""

    asked: int = 0
    answered: int = 0
    failed: int = 0
    seconds: float = 0.0


def journaled(answer: Any, kind: type) -> Any:
    """Return an answer of type `kind` with its text writable to the journal.

    Raises TypeError for facts that are not JSON. Checked at once, because an error at the end of
    the run, when the journal is written, would lose the run.
    """
    texts, facts = TEXTS.get(kind, ()), FACTS.get(kind)
    changed: dict[str, Any] = {}
    for name in texts:
        text = getattr(answer, name)
        if type(text) is not str:
            changed[name] = NO_REASON if text is None else in_words(text)
        elif (clean := writable(text)) != text:
            changed[name] = clean
    if facts is not None and (given := getattr(answer, facts)):
        changed |= _cleaned_facts(facts, given)
    return msgspec.structs.replace(answer, **changed) if changed else answer


def _cleaned_facts(name: str, given: Any) -> dict[str, Any]:
    """Return {name: cleaned facts}, empty if unchanged. Raises TypeError for other than JSON."""
    try:
        if not isinstance(given, Mapping):
            raise TypeError(f"was {type(given).__name__}, no mapping")
        clean = written(given)
        encodable(clean)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise TypeError(f"{name} must be plain data: {in_words(error)}") from None
    return {} if clean == given else {name: clean}


def _shown_answer(value: object) -> str:
    """Return an unexpected answer as text of at most 200 characters."""
    try:
        return in_words(repr(value))[:200]
    except Exception:
        return f"a {type(value).__name__}"


class HookImpl:
    """One plugin's method for one hook, and the names of the arguments that it takes.

    It is called only while `active`, which a trigger sets at each bar.
    """

    __slots__ = (
        "active",
        "expected",
        "hook",
        "method",
        "names",
        "pick",
        "plugin",
        "single",
        "stats",
    )

    def __init__(
        self, plugin: str, hook: str, method: Callable[..., Any], names: Sequence[str]
    ) -> None:
        self.plugin, self.hook, self.method, self.stats = plugin, hook, method, CallStats()
        self.names, self.active = names, True
        self.single = names[0] if len(names) == 1 else None
        self.pick = itemgetter(*names) if len(names) > 1 else lambda _: ()
        self.expected = ANSWERS.get(hook, type(None))

    def check(self, given: Mapping[str, Any]) -> None:
        """Raise TypeError where `given` lacks an argument that the method takes."""
        if missing := [name for name in self.names if name not in given]:
            raise TypeError(f"{self.hook} needs {missing[0]!r}, which {self.plugin} names")

    def invoke(self, given: Mapping[str, Any]) -> object:
        """Call the method and return its checked answer. Raises what the method raises."""
        value = self.method(given[self.single]) if self.single else self.method(*self.pick(given))
        return None if value is None else self.checked(value)

    def checked(self, value: object) -> object:
        """Return an answer that the journal can store: several signals as a tuple, none as None.

        Raises TypeError for an answer of another type and where its facts are not plain data.
        """
        if isinstance(value, self.expected):
            return journaled(value, self.expected)
        if self.hook == "contribute_signals" and isinstance(value, Iterable):
            signals = tuple(value)
            if all(isinstance(signal, Signal) for signal in signals):
                return tuple(journaled(signal, Signal) for signal in signals) or None
        expected = ANSWERS[self.hook].__name__ + " or None" if self.hook in ANSWERS else "None"
        raise TypeError(f"{self.hook} must return {expected}, was {_shown_answer(value)}")


class HookCaller:
    """One hook and its implementations, in call order.

    An exception of a plugin is returned as a result, not raised. A `firstresult` hook stops after
    the first value or exception, which is then the last result.
    """

    def __init__(self, implementations: Sequence[HookImpl], *, first: bool) -> None:
        self.implementations, self.first = tuple(implementations), first

    def __call__(self, **given: Any) -> list[HookResult]:
        """Return one result a plugin, in call order."""
        return self.call_quietly(given, beyond=-1.0)

    def call_quietly(self, given: Mapping[str, Any], beyond: float = inf) -> list[HookResult]:
        """Return the results with a value or an exception, and those slower than `beyond` seconds.

        For hot paths, where most calls return None. Raises TypeError only where `given` lacks an
        argument that a method takes.
        """
        results: list[HookResult] = []
        began = perf_counter()
        for one in self.implementations:
            if not one.active:
                continue
            error, stats = None, one.stats
            stats.asked += 1
            try:
                single = one.single  # a call without a star takes half the time
                value = one.method(given[single]) if single else one.method(*one.pick(given))
                if value is not None:
                    value = one.checked(value)
                    stats.answered += value is not None
            except (KeyboardInterrupt, ReplayMiss):  # without its recorded answer no run is right
                raise
            except BaseException as raised:  # a panic in Nautilus' Rust code is not an `Exception`
                one.check(given)
                value, error = None, raised
                stats.failed += 1
            now = perf_counter()
            seconds, began = now - began, now
            stats.seconds += seconds
            decided = value is not None or error is not None
            if decided or seconds > beyond:
                results.append(HookResult(one.plugin, value, error, seconds))
                if decided and self.first:
                    break
        return results
