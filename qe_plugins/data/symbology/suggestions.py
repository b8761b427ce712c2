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
        return "CME's names are in capitals.", _hint(text.upper())
    if text != text.upper():
        return explain(text.upper())
    return "no symbol of CME's feed.", f"Write {_valid_forms('ES')}."


def _valid_forms(root: str) -> str:
    return (
        f"'{root}.FUT' for every contract, '{root}.v.0' for the front by volume, "
        f"or a dated contract such as '{root}Z4'"
    )


def _hint(text: str) -> str:
    return f"Write '{text}'."


def _root_form(what: str) -> Answer:
    return lambda found: (
        f"{what}, which names no contract.",
        f"Write {_valid_forms(found['root'].upper())}.",
    )


def _contract_form(what: str) -> Answer:
    def answer(found: re.Match[str]) -> tuple[str, str]:
        return what, _hint(f"{found['root']}{found['month']}{found['year'][-1]}")

    return answer


def _series_form(found: re.Match[str]) -> tuple[str, str]:
    rank = int(found["nth"]) - 1
    return "TradingView's name of a continuous series.", _hint(f"{found['root']}.c.{rank}")


def _rule_form(found: re.Match[str]) -> tuple[str, str]:
    rule, rank = found["rule"].lower(), found["rank"] or "0"
    return (
        "a continuous series is root, rule in lower case (c, v or n) and rank.",
        _hint(f"{found['root'].upper()}.{rule if rule in 'cvn' else 'v'}.{rank}"),
    )


def _parent_form(found: re.Match[str]) -> tuple[str, str]:
    kind = "OPT" if found["kind"].upper().startswith("O") else "FUT"
    return "a parent is the root, a dot and FUT or OPT in capitals.", _hint(
        f"{found['root'].upper()}.{kind}"
    )


def _spread_form(found: re.Match[str]) -> tuple[str, str]:
    return (
        "a calendar spread; data is for outright contracts.",
        f"Write '{found['near']}' or '{found['far']}'.",
    )


def _month_form(found: re.Match[str]) -> tuple[str, str]:
    return (
        f"'{found['month']}' is no delivery month.",
        f"Months are {MONTH_LETTERS}, from January; December is '{found['root']}Z4'.",
    )


ANY_CASE = r"(?i:(?P<root>[A-Z0-9]{1,3}))"
MISTAKES: tuple[tuple[str, Answer], ...] = (
    (
        r"|ALL_SYMBOLS|\*",
        lambda _: ("no symbol: it would buy the whole feed.", f"Write {_valid_forms('ES')}."),
    ),
    (rf"{ROOT}", _root_form("a root")),
    (rf"{ANY_CASE}=F", _root_form("Yahoo's name of a root")),
    (rf"/{ANY_CASE}", _root_form("thinkorswim's name of a root")),
    (rf"@{ANY_CASE}(\.D)?", _root_form("TradeStation's name of a root")),
    (rf"{ANY_CASE}[ _]#?F", _root_form("a chart's name of a root")),
    (rf"(\w+:)?{ROOT}(?P<nth>\d)!", _series_form),
    (rf"/{DATED}(?P<year>\d{{1,2}})", _contract_form("thinkorswim's name of a contract.")),
    (rf"@{DATED}(?P<year>\d{{1,2}})", _contract_form("TradeStation's name of a contract.")),
    (rf"(\w+:)?{DATED}(?P<year>20\d\d)", _contract_form("a raw CME name has one year digit.")),
    (rf"{DATED}(?P<year>\d{{1,2}})\.X[A-Z]{{3}}", _contract_form("our id, not the feed's name.")),
    (
        rf"{DATED}(?P<year>\d{{1,2}})\.(CME|CBT|NYM|CMX)",
        _contract_form("Yahoo's name of a contract."),
    ),
    (rf"{ROOT} *{MONTH} *(?P<year>(20)?\d{{1,2}})", _contract_form("a raw CME name has no blank.")),
    (rf"{ANY_CASE}\.(?P<rule>[A-Za-z])(\.?(?P<rank>\d{{1,2}}))?", _rule_form),
    (rf"{ANY_CASE}[._-](?i:(?P<kind>FUT|FUTURES?|OPT|OPTIONS?))", _parent_form),
    (r"(?P<near>[A-Z0-9]+)-(?P<far>[A-Z0-9]+)", _spread_form),
    (rf"{ROOT}(?P<month>[A-Z])\d{{1,2}}", _month_form),
)
