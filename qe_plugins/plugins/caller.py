"""Put a hook to the plugins that implement it, and bring home what each of them said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from operator import itemgetter
from time import perf_counter
from typing import Any

import msgspec

from qe_plugins.journal.hash_chain import encodable
from qe_plugins.plugins.types import Proposal, Review, Signal, Size, Veto
from qe_plugins.safe_text import in_words, writable, written

ANSWERS: dict[str, type] = {
    "contribute_signals": Signal,
    "resolve_signals": Signal,
    "size_order": Size,
    "veto_order": Veto,
    "trade_closed": Review,
    "session_closed": Proposal,
}
"""What a hook may be answered with, besides None. Hooks that are not here expect no answer."""


TEXTS: dict[type, tuple[str, ...]] = {
    Signal: ("instrument_id", "reason"),
    Size: ("reason",),
    Veto: ("reason",),
    Review: ("trade_id", "summary"),
    Proposal: ("title", "reason"),
}
"""The fields of an answer that a trader will read."""

FACTS: dict[type, str] = {Signal: "facts", Review: "facts", Proposal: "change"}
"""The field of an answer that holds figures for later programs."""

NO_REASON = "no reason given"


class HookResult(msgspec.Struct, frozen=True):
    """What one plugin said to one question.

    `value` is None where it had nothing to say or failed, a tuple where it gave several signals;
    `error` is what it raised; `seconds` is how long it took.
    """

    plugin: str
    value: Any
    error: BaseException | None
    seconds: float


@dataclass(slots=True)
class CallStats:
    """How often one plugin was asked one hook, and what became of it."""

    asked: int = 0
    answered: int = 0
    failed: int = 0
    seconds: float = 0.0


def journaled(answer: Any, kind: type) -> Any:
    """Return an answer of a kind with its text writable.

    Raises TypeError for facts that are not JSON. Judged when it is given: at the end of a run it
    would cost the run.
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
        changed |= _plain(facts, given)
    return msgspec.structs.replace(answer, **changed) if changed else answer


def _plain(name: str, given: Any) -> dict[str, Any]:
    """Return facts that had to be changed. Raises TypeError for what a journal cannot hold."""
    try:
        if not isinstance(given, Mapping):
            raise TypeError(f"was {type(given).__name__}, no mapping")
        clean = written(given)
        encodable(clean)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise TypeError(f"{name} must be plain data: {in_words(error)}") from None
    return {} if clean == given else {name: clean}


def _shown(value: object) -> str:
    """Return an answer that was not expected, as short as a message wants it."""
    try:
        return in_words(repr(value))[:200]
    except Exception:
        return f"a {type(value).__name__}"


class HookImpl:
    """One plugin's method for one hook. It names its only argument, or picks some of several."""

    __slots__ = ("expected", "hook", "method", "names", "only", "pick", "plugin", "tally")

    def __init__(
        self, plugin: str, hook: str, method: Callable[..., Any], names: Sequence[str]
    ) -> None:
        self.plugin, self.hook, self.method, self.tally = plugin, hook, method, CallStats()
        self.names = names
        self.only = names[0] if len(names) == 1 else None
        self.pick = itemgetter(*names) if len(names) > 1 else lambda _: ()
        self.expected = ANSWERS.get(hook, type(None))

    def check(self, given: Mapping[str, Any]) -> None:
        """Raise TypeError where an argument is missing that the method names."""
        if missing := [name for name in self.names if name not in given]:
            raise TypeError(f"{self.hook} needs {missing[0]!r}, which {self.plugin} names")

    def checked(self, value: object) -> object:
        """Return an answer that a journal can hold: several signals as a tuple, none as None.

        Raises TypeError for an answer of another kind and where its facts are not plain data.
        """
        if isinstance(value, self.expected):
            return journaled(value, self.expected)
        if self.hook == "contribute_signals" and isinstance(value, Iterable):
            signals = tuple(value)
            if all(isinstance(signal, Signal) for signal in signals):
                return tuple(journaled(signal, Signal) for signal in signals) or None
        expected = ANSWERS[self.hook].__name__ + " or None" if self.hook in ANSWERS else "None"
        raise TypeError(f"{self.hook} must return {expected}, was {_shown(value)}")


class HookCaller:
    """One hook, bound to the plugins that implement it, in call order.

    Nothing that a plugin raises gets out. A hook of which the first answer counts stops at the
    first value or error, which is last.
    """

    def __init__(self, implementations: Sequence[HookImpl], *, first: bool) -> None:
        self.implementations, self._first = tuple(implementations), first

    def __call__(self, **given: Any) -> list[HookResult]:
        """Return one answer a plugin, in call order."""
        return self.voices(given, beyond=-1.0)

    def voices(self, given: Mapping[str, Any], beyond: float = inf) -> list[HookResult]:
        """Return the answers of those who said something, failed, or took `beyond` seconds.

        For hot paths, where most of the time nobody says anything. Raises TypeError only where
        `given` lacks what a method names.
        """
        answers: list[HookResult] = []
        began = perf_counter()
        for one in self.implementations:
            error, tally = None, one.tally
            tally.asked += 1
            try:
                only = one.only  # a call without a star takes Python half the time
                value = one.method(given[only]) if only else one.method(*one.pick(given))
                if value is not None:
                    value = one.checked(value)
                    tally.answered += value is not None
            except KeyboardInterrupt:
                raise
            except BaseException as raised:  # a panic in Nautilus' Rust code is not an `Exception`
                one.check(given)
                value, error = None, raised
                tally.failed += 1
            now = perf_counter()
            seconds, began = now - began, now
            tally.seconds += seconds
            said = value is not None or error is not None
            if said or seconds > beyond:
                answers.append(HookResult(one.plugin, value, error, seconds))
                if said and self._first:
                    break
        return answers
