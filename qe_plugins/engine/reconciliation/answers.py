"""What a broker's answer is worth: yes, no or unknown. A failed query is never "nothing"."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Truth(StrEnum):
    """Three-valued truth. `and_`, `or_` and `not_` are Kleene's: unknown stays unknown in doubt."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, value: bool) -> Truth:
        return cls.YES if value else cls.NO

    def and_(self, other: Truth) -> Truth:
        if Truth.NO in (self, other):
            return Truth.NO
        return Truth.UNKNOWN if Truth.UNKNOWN in (self, other) else Truth.YES

    def or_(self, other: Truth) -> Truth:
        return self.not_().and_(other.not_()).not_()

    def not_(self) -> Truth:
        if self is Truth.UNKNOWN:
            return self
        return Truth.NO if self is Truth.YES else Truth.YES


class Known[T](msgspec.Struct, frozen=True):
    """A complete answer, as it was at `at` (UTC nanoseconds)."""

    value: T
    at: int


class Unknown(msgspec.Struct, frozen=True):
    """No answer, or half of one, at `at` (UTC nanoseconds), and why."""

    reason: str
    at: int


type BrokerAnswer[T] = Known[T] | Unknown
