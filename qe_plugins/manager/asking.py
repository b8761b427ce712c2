"""Put a hook to the plugins that implement it, and bring home what each of them said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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


@dataclass(slots=True)
class Tally:
    """How often one plugin was asked one hook, and what became of it."""

    asked: int = 0
    answered: int = 0
    vetoed: int = 0
    failed: int = 0
    seconds: float = 0.0

    def count(self, answer: Answer) -> None:
        self.asked += 1
        self.answered += answer.value is not None
        self.vetoed += isinstance(answer.value, Veto)
        self.failed += answer.error is not None
        self.seconds += answer.seconds


class Implementation:
    """One plugin's method for one hook, called with the arguments that it names."""

    def __init__(
        self, plugin: str, hook: str, method: Callable[..., Any], names: Sequence[str]
    ) -> None:
        self.plugin, self.hook, self.tally = plugin, hook, Tally()
        self._method, self._names = method, tuple(names)
        self._expected = ANSWERS.get(hook, type(None))

    def __call__(self, given: dict[str, Any]) -> Answer:
        """Return the answer; raise TypeError only when `given` lacks what the method names."""
        try:
            arguments = [given[name] for name in self._names]
        except KeyError as missing:
            raise TypeError(f"{self.hook} needs {missing}, which {self.plugin} names") from None
        answer = self._put(arguments)
        self.tally.count(answer)
        return answer

    def _put(self, arguments: list[Any]) -> Answer:
        began = perf_counter()
        try:
            value = self._method(*arguments)
            if value is not None and not isinstance(value, self._expected):
                value = self._checked(value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a panic in Nautilus' Rust code is not an `Exception`
            return Answer(self.plugin, None, error, perf_counter() - began)
        return Answer(self.plugin, value, None, perf_counter() - began)

    def _checked(self, value: object) -> tuple[Any, ...] | None:
        """Return several signals as a tuple, None for an empty one; refuse anything else."""
        if self.hook == "contribute_signals" and isinstance(value, Iterable):
            signals = tuple(value)
            if all(isinstance(signal, Signal) for signal in signals):
                return signals or None
        expected = ANSWERS[self.hook].__name__ + " or None" if self.hook in ANSWERS else "None"
        raise TypeError(f"{self.hook} must return {expected}, was {value!r}")


class Asker:
    """One hook, bound to the plugins that implement it, in call order."""

    def __init__(self, implementations: Sequence[Implementation], *, first: bool) -> None:
        self.implementations, self._first = tuple(implementations), first

    def __call__(self, **given: Any) -> list[Answer]:
        """Return one answer a plugin, in call order; nothing that a plugin raises gets out.

        A hook of which the first answer counts stops at the first value or error, which is last.
        """
        if not self._first:
            return [implementation(given) for implementation in self.implementations]
        answers = []
        for implementation in self.implementations:
            answers.append(answer := implementation(given))
            if answer.value is not None or answer.error is not None:
                break
        return answers
