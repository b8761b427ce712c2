"""Math: every number in a model's sentence is parsed and recomputed from the facts it was given.

A number counts as right where it is, at the precision to which it is written, the value of the
fact that its clause names, or what the clause says of two facts: their difference, sum or ratio. A
number whose clause names no fact has no source. One that is wrong, or without a source, refuses the
sentence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from itertools import combinations

import msgspec

_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"
TOKEN = re.compile(
    rf"(?P<number>(?<![\w.])[-+−–]?\s?(?:[$€]\s?)?(?:{_DIGITS})(?:[eE][-+]?\d+)?)(?P<unit>\s?(?:%|"
    rf"percent\b|bps?\b|basis points\b|k\b|thousand\b|million\b|[mM]\b))?"
    rf"|(?P<word>[A-Za-z_][\w]*(?:\.\d+)?)|(?P<stop>[;,:.!?()]+)"
)
SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    *("nineteen", "twenty"),
)
TENS = ["thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
WORDS = (
    {word: float(n) for n, word in enumerate(SMALL) if word != "one"}
    | {word: 30.0 + 10 * n for n, word in enumerate(TENS)}
    | {"hundred": 100.0, "thousand": 1_000.0, "million": 1e6, "dozen": 12.0, "half": 0.5}
    | {"twice": 2.0, "double": 2.0, "thrice": 3.0, "triple": 3.0}
)
"""Numbers as words. `one` is a pronoun more often than a number: it counts as a number where the
word before it ends a comparison, such as `is one`."""

BEFORE_ONE = frozenset({"is", "was", "of", "at", "to", "by", "minus", "plus", "exactly", "equals"})
DIFFERENCE = {
    *("difference", "minus", "less", "gap", "above", "below", "exceeds", "exceed", "spread"),
    *("between", "beyond", "under", "over"),
}
SUM = {"sum", "together", "total", "plus", "combined"}
RATIO = {
    *("ratio", "times", "per", "divided", "over", "multiple", "twice", "half", "double", "triple"),
    *("thrice",),
}
PARTS = {"%": 0.01, "percent": 0.01, "bp": 1e-4, "bps": 1e-4, "basis points": 1e-4}
SCALES = {"k": 1e3, "thousand": 1e3, "million": 1e6, "m": 1e6}
CLAUSE_ENDS = frozenset(";!?")


class Figure(msgspec.Struct, frozen=True):
    """One number of a sentence as written, its value, and the fact or formula that it matches."""

    text: str
    value: float
    source: str | None

    @property
    def right(self) -> bool:
        """Return whether it was recomputed."""
        return self.source is not None


class CheckedSentence(msgspec.Struct, frozen=True):
    """A sentence and each of its figures."""

    sentence: str
    figures: tuple[Figure, ...]

    @property
    def held(self) -> bool:
        """Return whether every figure was recomputed; a sentence without figures holds."""
        return all(one.right for one in self.figures)

    @property
    def wrong(self) -> tuple[str, ...]:
        """Return the figures that were not, as written."""
        return tuple(one.text for one in self.figures if not one.right)


class _Number(msgspec.Struct, frozen=True):
    at: int
    text: str
    value: float
    unit: str
    tolerance: float


class _Mention(msgspec.Struct, frozen=True):
    at: int
    fact: str


class _Clause(msgspec.Struct):
    numbers: list[_Number]
    mentions: list[_Mention]
    words: set[str]


def checked(sentence: str, facts: Mapping[str, float]) -> CheckedSentence:
    """Return a sentence with each of its numbers recomputed from `facts`, by their names."""
    figures = [
        Figure(number.text, number.value, _source(number, clause, facts))
        for clause in _clauses(sentence, facts)
        for number in clause.numbers
    ]
    return CheckedSentence(sentence, tuple(figures))


def _source(number: _Number, clause: _Clause, facts: Mapping[str, float]) -> str | None:
    """Return the fact or the formula that a number is the value of, None where there is none."""
    named = list(dict.fromkeys(one.fact for one in clause.mentions))
    derived = [kind for kind in (DIFFERENCE, SUM, RATIO) if kind & clause.words]
    own = _attributed(number, clause)
    if own is not None and _equals(number, facts[own], own):
        return own
    if len(named) >= 2 and derived:
        for one, other in combinations(named, 2):
            for text, value in _formulas(one, other, facts, clause.words):
                if _equals(number, value, ""):
                    return text
    return None


def _attributed(number: _Number, clause: _Clause) -> str | None:
    """Return the fact that a number is said of: the nearest one before it that has no number of its
    own yet, else the nearest after it.
    """
    taken: dict[int, int] = {}
    for one in clause.numbers:
        before = [m for m in clause.mentions if m.at < one.at and m.at not in taken.values()]
        after = [m for m in clause.mentions if m.at > one.at and m.at not in taken.values()]
        chosen = before[-1] if before else after[0] if after else None
        if chosen is not None:
            taken[one.at] = chosen.at
    at = taken.get(number.at)
    return next((m.fact for m in clause.mentions if m.at == at), None)


def _formulas(
    one: str, other: str, facts: Mapping[str, float], words: set[str]
) -> Iterator[tuple[str, float]]:
    a, b = facts[one], facts[other]
    if DIFFERENCE & words:
        yield f"{one} - {other}", a - b
        yield f"{other} - {one}", b - a
    if SUM & words:
        yield f"{one} + {other}", a + b
    if RATIO & words:
        if b:
            yield f"{one} / {other}", a / b
        if a:
            yield f"{other} / {one}", b / a


def _equals(number: _Number, fact: float, name: str) -> bool:
    if not math.isfinite(fact):
        return False
    candidates = [number.value]
    if number.unit in PARTS:
        named = name.endswith(("_bps", "_pct", "_percent"))
        candidates = [number.value] if named else [number.value * PARTS[number.unit]]
    scale = candidates[0] / number.value if number.value else 1.0
    return any(abs(one - fact) <= number.tolerance * scale + 1e-9 for one in candidates)


def _clauses(sentence: str, facts: Mapping[str, float]) -> list[_Clause]:
    """Return the clauses of a sentence, which end at `;`, `!`, `?`, and full stops."""
    found, clause = [], _Clause([], [], set())
    names, text = _patterns(facts), sentence
    taken: list[tuple[int, int]] = []
    mentions: list[_Mention] = []
    for pattern, fact in names:
        for match in pattern.finditer(text):
            span = match.span()
            if not any(a < span[1] and span[0] < b for a, b in taken):
                taken.append(span)
                mentions.append(_Mention(span[0], fact))
    mentions.sort(key=lambda one: one.at)
    previous = ""
    for match in TOKEN.finditer(text):
        inside = any(a <= match.start() < b for a, b in taken)
        if match["stop"] is not None:
            if CLAUSE_ENDS & set(match["stop"]) or "." in match["stop"]:
                found.append(clause)
                clause = _Clause([], [], set())
            continue
        here = [one for one in mentions if one.at == match.start()]
        clause.mentions += here
        if inside:
            previous = match[0].lower()
            continue
        if match["number"] is not None:
            clause.numbers.append(_number(match))
        else:
            word = match["word"].lower()
            clause.words.add(word)
            if word in WORDS or (word == "one" and previous in BEFORE_ONE):
                value = WORDS.get(word, 1.0)
                clause.numbers.append(_Number(match.start(), word, value, "", 1e-9))
        previous = match[0].lower()
    return [*found, clause]


def _patterns(facts: Mapping[str, float]) -> list[tuple[re.Pattern[str], str]]:
    """Return a pattern for each fact's name, longest first; `_` is also a space or a hyphen."""
    ordered = sorted(facts, key=lambda name: (-len(name), name))
    return [
        (
            re.compile(rf"(?<![\w.]){re.escape(one).replace('_', '[ _-]')}(?![\w])", re.IGNORECASE),
            one,
        )
        for one in ordered
    ]


def _number(match: re.Match[str]) -> _Number:
    written = re.sub(r"[\s$€,]", "", match["number"]).replace("−", "-").replace("–", "-")
    unit = (match["unit"] or "").strip()
    unit = unit if unit == "M" else unit.lower()
    scale = SCALES.get(unit.lower(), 1.0)
    mantissa, _, exponent = written.lower().partition("e")
    digits = len(mantissa.partition(".")[2])
    tolerance = 0.5 * 10.0 ** (int(exponent or 0) - digits)
    return _Number(
        match.start(), match[0].strip(), float(written) * scale, unit.lower(), tolerance * scale
    )
