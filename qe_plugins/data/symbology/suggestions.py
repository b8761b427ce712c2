"""Symbols in other vendors' notation, each with Databento's form."""

from __future__ import annotations

import re
from collections.abc import Callable

from qe_plugins.market.contract_key import MONTH_LETTERS

ROOT = r"(?P<root>[A-Z0-9]{1,3})"
MONTH = rf"(?P<month>[{MONTH_LETTERS}])"
DATED = rf"{ROOT}{MONTH}"
Answer = Callable[[re.Match[str]], tuple[str, str]]


def explain(text: str) -> tuple[str, str]:
    """Return an error message for a symbol, and a hint with the form to write."""
    for form, answer in MISTAKES:
        if found := re.fullmatch(form, text):
            return answer(found)
    if re.fullmatch(rf"{DATED}\d{{1,2}}", text.upper()):
        return "CME's names are in capitals.", _instead(text.upper())
    if text != text.upper():
        return explain(text.upper())
    return "no symbol of CME's feed.", f"Write {_forms('ES')}."


def _forms(root: str) -> str:
    return (
        f"'{root}.FUT' for every contract, '{root}.v.0' for the front by volume, "
        f"or a dated contract such as '{root}Z4'"
    )


def _instead(text: str) -> str:
    return f"Write '{text}'."


def _a_root(what: str) -> Answer:
    return lambda found: (
        f"{what}, which names no contract.",
        f"Write {_forms(found['root'].upper())}.",
    )


def _a_contract(what: str) -> Answer:
    def answer(found: re.Match[str]) -> tuple[str, str]:
        return what, _instead(f"{found['root']}{found['month']}{found['year'][-1]}")

    return answer


def _a_series(found: re.Match[str]) -> tuple[str, str]:
    rank = int(found["nth"]) - 1
    return "TradingView's name of a continuous series.", _instead(f"{found['root']}.c.{rank}")


def _a_rule(found: re.Match[str]) -> tuple[str, str]:
    rule, rank = found["rule"].lower(), found["rank"] or "0"
    return (
        "a continuous series is root, rule in lower case (c, v or n) and rank.",
        _instead(f"{found['root'].upper()}.{rule if rule in 'cvn' else 'v'}.{rank}"),
    )


def _a_parent(found: re.Match[str]) -> tuple[str, str]:
    kind = "OPT" if found["kind"].upper().startswith("O") else "FUT"
    return "a parent is the root, a dot and FUT or OPT in capitals.", _instead(
        f"{found['root'].upper()}.{kind}"
    )


def _a_spread(found: re.Match[str]) -> tuple[str, str]:
    return (
        "a calendar spread; data is for outright contracts.",
        f"Write '{found['near']}' or '{found['far']}'.",
    )


def _no_month(found: re.Match[str]) -> tuple[str, str]:
    return (
        f"'{found['month']}' is no delivery month.",
        f"Months are {MONTH_LETTERS}, from January; December is '{found['root']}Z4'.",
    )


ANY_CASE = r"(?i:(?P<root>[A-Z0-9]{1,3}))"
MISTAKES: tuple[tuple[str, Answer], ...] = (
    (
        r"|ALL_SYMBOLS|\*",
        lambda _: ("no symbol: it would buy the whole feed.", f"Write {_forms('ES')}."),
    ),
    (rf"{ROOT}", _a_root("a root")),
    (rf"{ANY_CASE}=F", _a_root("Yahoo's name of a root")),
    (rf"/{ANY_CASE}", _a_root("thinkorswim's name of a root")),
    (rf"@{ANY_CASE}(\.D)?", _a_root("TradeStation's name of a root")),
    (rf"{ANY_CASE}[ _]#?F", _a_root("a chart's name of a root")),
    (rf"(\w+:)?{ROOT}(?P<nth>\d)!", _a_series),
    (rf"/{DATED}(?P<year>\d{{1,2}})", _a_contract("thinkorswim's name of a contract.")),
    (rf"@{DATED}(?P<year>\d{{1,2}})", _a_contract("TradeStation's name of a contract.")),
    (rf"(\w+:)?{DATED}(?P<year>20\d\d)", _a_contract("a raw CME name has one year digit.")),
    (rf"{DATED}(?P<year>\d{{1,2}})\.X[A-Z]{{3}}", _a_contract("our id, not the feed's name.")),
    (rf"{DATED}(?P<year>\d{{1,2}})\.(CME|CBT|NYM|CMX)", _a_contract("Yahoo's name of a contract.")),
    (rf"{ROOT} *{MONTH} *(?P<year>(20)?\d{{1,2}})", _a_contract("a raw CME name has no blank.")),
    (rf"{ANY_CASE}\.(?P<rule>[A-Za-z])(\.?(?P<rank>\d{{1,2}}))?", _a_rule),
    (rf"{ANY_CASE}[._-](?i:(?P<kind>FUT|FUTURES?|OPT|OPTIONS?))", _a_parent),
    (r"(?P<near>[A-Z0-9]+)-(?P<far>[A-Z0-9]+)", _a_spread),
    (rf"{ROOT}(?P<month>[A-Z])\d{{1,2}}", _no_month),
)
