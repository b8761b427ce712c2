"""Conditions: small expressions over named columns, parsed and never evaluated as Python.

An expression has names, numbers, `+ - * /`, comparisons, `and or not`, and the functions `abs`,
`min`, `max`. `features/trigger.py` names features in one, `research/constraints.py` the settings of
a sweep. Where a column that it names is null, a condition does not hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from qe_plugins.errors import QeError

COMPARISONS: dict[str, Callable[..., Any]] = {
    "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
    "==": np.equal, "!=": np.not_equal,
}  # fmt: skip
ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide,
}  # fmt: skip
FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    "abs": (np.abs, 1), "min": (np.minimum, 2), "max": (np.maximum, 2),
}  # fmt: skip
LONGEST = 2_000
DEEPEST = 60

type Columns = Mapping[str, np.ndarray]
type Operation = Callable[[Columns], Any]
type Typed = tuple[bool, Operation]
"""Whether an operation gives yes or no, and not a number; and the operation."""


class Condition:
    """A parsed expression. `names` are the columns in it, in order.

    A subclass says what a name looks like (`NAME`, a regular expression), what is named (`NOUN`),
    what the expression is (`KIND`), an example (`HINT`) and the class of its errors.
    """

    NAME: ClassVar[str]
    NOUN: ClassVar[str]
    KIND: ClassVar[str]
    HINT: ClassVar[str]
    ERROR: ClassVar[type[QeError]] = QeError

    def __init__(self, text: str, where: str) -> None:
        """Parse `text`. Raises an `ERROR` that says where it stops making sense."""
        self.text, self._where = text, where
        self._token = re.compile(
            rf"\s*(?:(?P<name>{self.NAME})|(?P<number>\d+(?:\.\d+)?(?:e-?\d+)?)"
            r"|(?P<word>[a-z]+)|(?P<sign><=|>=|==|!=|[-+*/()<>,]))"
        )
        self._tokens = self._split(text)
        self._at = self._depth = 0
        self.names: tuple[str, ...] = ()
        is_condition, self._operation = self._either()
        if self._at < len(self._tokens):
            raise self._error(f"'{self._tokens[self._at][1]}' is not expected here")
        if not is_condition:
            raise self._error("it is a number, and has to be a comparison")
        if not self.names:
            raise self._error(f"it names no {self.NOUN}")

    def holds(self, columns: Columns) -> np.ndarray:
        """Return for each row of the columns whether the expression holds, as booleans."""
        known = np.isfinite(columns[self.names[0]])
        for name in self.names[1:]:
            known = known & np.isfinite(columns[name])
        with np.errstate(all="ignore"):
            found: np.ndarray = known & self._operation(columns)
        return found

    def _split(self, text: str) -> list[tuple[str, str]]:
        if len(text) > LONGEST:
            raise self._error(f"it is longer than {LONGEST} characters")
        tokens, at = [], 0
        while at < len(text.rstrip()):
            found = self._token.match(text, at)
            if found is None:
                raise self._error(f"'{text[at : at + 20].strip()}' is not understood")
            tokens.append((found.lastgroup or "", found[0].strip()))
            at = found.end()
        return tokens

    def _either(self) -> Typed:
        return self._joined("or", self._both, np.logical_or)

    def _both(self) -> Typed:
        return self._joined("and", self._negated, np.logical_and)

    def _joined(self, word: str, part: Callable[[], Typed], join: Callable[..., Any]) -> Typed:
        left = part()
        while self._next_is(word):
            self._at += 1
            right = part()
            left = True, _binary(join, self._condition(left, word), self._condition(right, word))
        return left

    def _negated(self) -> Typed:
        if not self._next_is("not"):
            return self._comparison()
        self._at += 1
        self._enter()
        inner = self._condition(self._negated(), "not")
        self._depth -= 1
        return True, lambda columns: np.logical_not(inner(columns))

    def _comparison(self) -> Typed:
        left = self._sum()
        if self._peek() not in COMPARISONS:
            return left
        sign = self._take()
        right = self._number(self._sum(), sign)
        if self._peek() in COMPARISONS:
            raise self._error("write 'a < b and b < c' for two comparisons")
        return True, _binary(COMPARISONS[sign], self._number(left, sign), right)

    def _sum(self) -> Typed:
        return self._chained(("+", "-"), self._product)

    def _product(self) -> Typed:
        return self._chained(("*", "/"), self._signed)

    def _chained(self, signs: tuple[str, ...], part: Callable[[], Typed]) -> Typed:
        left = part()
        while self._peek() in signs:
            sign = self._take()
            right = self._number(part(), sign)
            left = False, _binary(ARITHMETIC[sign], self._number(left, sign), right)
        return left

    def _signed(self) -> Typed:
        if self._peek() != "-":
            return self._single()
        self._at += 1
        self._enter()
        inner = self._number(self._signed(), "-")
        self._depth -= 1
        return False, lambda columns: np.negative(inner(columns))

    def _single(self) -> Typed:
        if self._at == len(self._tokens):
            raise self._error("it ends too early")
        kind, text = self._tokens[self._at]
        self._at += 1
        if kind == "number":
            value = float(text)
            return False, lambda _: value
        if kind == "name":
            self.names = tuple(dict.fromkeys([*self.names, text]))
            return False, lambda columns: columns[text]
        if text in FUNCTIONS:
            return self._call(text)
        if text != "(":
            known = ", ".join(FUNCTIONS)
            raise self._error(f"'{text}' is no {self.NOUN}, number or function ({known})")
        self._enter()
        inner = self._either()
        self._expect(")")
        self._depth -= 1
        return inner

    def _call(self, name: str) -> Typed:
        function, count = FUNCTIONS[name]
        self._expect("(")
        self._enter()
        arguments = [self._number(self._sum(), name)]
        while self._peek() == ",":
            self._at += 1
            arguments.append(self._number(self._sum(), name))
        self._expect(")")
        self._depth -= 1
        if len(arguments) != count:
            raise self._error(f"{name} takes {count}, was {len(arguments)}")
        return False, lambda columns: function(*(one(columns) for one in arguments))

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._error("it has too many brackets inside each other")

    def _expect(self, sign: str) -> None:
        if self._peek() != sign:
            raise self._error(f"'{sign}' is missing")
        self._at += 1

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _next_is(self, word: str) -> bool:
        return self._peek() == word

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _condition(self, typed: Typed, word: str) -> Operation:
        if not typed[0]:
            raise self._error(f"'{word}' joins comparisons, not numbers")
        return typed[1]

    def _number(self, typed: Typed, word: str) -> Operation:
        if typed[0]:
            raise self._error(f"'{word}' takes numbers, not comparisons")
        return typed[1]

    def _error(self, what: str) -> QeError:
        words = f"{self.KIND} '{self.text[:80]}': {what}."
        return self.ERROR(words, where=self._where, hint=f"Write such as '{self.HINT}'.")


def _binary(join: Callable[..., Any], left: Operation, right: Operation) -> Operation:
    return lambda columns: join(left(columns), right(columns))
