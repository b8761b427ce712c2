"""Put a hook to the plugins that implement it, and bring home what each of them said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from time import perf_counter
from typing import Any

import msgspec

from qe_plugins.decisions import Proposal, Review, Signal, Size, Veto

ANSWERS: dict[str, type] = {
    "contribute_signals": Signal,
    "resolve_signals": Signal,
    "size_order": Size,
    "veto_order": Veto,
    "trade_closed": Review,
    "session_closed": Proposal,
}
"""What a hook may be answered with, besides None. Hooks that are not here expect no answer."""


class Answer(msgspec.Struct, frozen=True):
    """What one plugin said to one question.

    `value` is None where it had nothing to say or failed, a tuple where it gave several signals;
    `error` is what it raised; `seconds` is how long it took.
    """

    plugin: str
    value: Any
    error: BaseException | None
    seconds: float


Put = tuple[Any, BaseException | None, float]
"""What came of one question: the value, what was raised, the seconds it took."""


@dataclass(slots=True)
class Tally:
    """How often one plugin was asked one hook, and what became of it."""

    asked: int = 0
    answered: int = 0
    vetoed: int = 0
    failed: int = 0
    seconds: float = 0.0


class Implementation:
    """One plugin's method for one hook, called with the arguments that it names."""

    def __init__(
        self, plugin: str, hook: str, method: Callable[..., Any], names: Sequence[str]
    ) -> None:
        self.plugin, self.hook, self.tally = plugin, hook, Tally()
        self._method, self._names = method, tuple(names)
        self._expected = ANSWERS.get(hook, type(None))

    def put(self, given: Mapping[str, Any]) -> Put:
        """Ask; raise TypeError only when `given` lacks what the method names."""
        try:
            arguments = [given[name] for name in self._names]
        except KeyError as missing:
            raise TypeError(f"{self.hook} needs {missing}, which {self.plugin} names") from None
        tally = self.tally
        tally.asked += 1
        error, began = None, perf_counter()
        try:
            value = self._method(*arguments)
            if value is not None:
                value = self._checked(value)
        except KeyboardInterrupt:
            raise
        except BaseException as raised:  # a panic in Nautilus' Rust code is not an `Exception`
            value, error = None, raised
            tally.failed += 1
        seconds = perf_counter() - began
        tally.seconds += seconds
        return value, error, seconds

    def _checked(self, value: object) -> object:
        """Return several signals as a tuple, None for an empty one; refuse anything else."""
        value = value if isinstance(value, self._expected) else self._several(value)
        self.tally.answered += value is not None
        self.tally.vetoed += isinstance(value, Veto)
        return value

    def _several(self, value: object) -> tuple[Any, ...] | None:
        if self.hook == "contribute_signals" and isinstance(value, Iterable):
            signals = tuple(value)
            if all(isinstance(signal, Signal) for signal in signals):
                return signals or None
        expected = ANSWERS[self.hook].__name__ + " or None" if self.hook in ANSWERS else "None"
        raise TypeError(f"{self.hook} must return {expected}, was {value!r}")


class Asker:
    """One hook, bound to the plugins that implement it, in call order.

    Nothing that a plugin raises gets out. A hook of which the first answer counts stops at the
    first value or error, which is last.
    """

    def __init__(self, implementations: Sequence[Implementation], *, first: bool) -> None:
        self.implementations, self._first = tuple(implementations), first

    def __call__(self, **given: Any) -> list[Answer]:
        """Return one answer a plugin, in call order."""
        return self.voices(given, beyond=-1.0)

    def voices(self, given: Mapping[str, Any], beyond: float = inf) -> list[Answer]:
        """Return the answers of those who said something, failed, or took `beyond` seconds.

        For hot paths, where most of the time nobody says anything.
        """
        answers = []
        for one in self.implementations:
            value, error, seconds = one.put(given)
            said = value is not None or error is not None
            if said or seconds > beyond:
                answers.append(Answer(one.plugin, value, error, seconds))
            if said and self._first:
                break
        return answers
