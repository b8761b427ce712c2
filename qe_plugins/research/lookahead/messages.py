"""Messages and the JSON document of an analysis."""

from __future__ import annotations

from typing import Any

import msgspec

from qe_plugins.research.lookahead.analysis import Analysis, LookaheadFinding
from qe_plugins.research.lookahead.decisions import OPENING, Decision, Difference, utc
from qe_plugins.research.lookahead.samples import SAMPLED

WORDS = {
    "OrderPendingUpdate": "change of an order",
    "OrderPendingCancel": "cancel of an order",
    "OrderFilled": "fill",
}
NAMES = {
    "veto": "vetoes",
    "OrderPendingUpdate": "changes",
    "OrderPendingCancel": "cancels",
}
LONGEST = 240
NOT_HIDDEN = (
    "note: the original data cannot be hidden from a process on this system; instead, access to "
    "its files was monitored"
)


def lines(found: Analysis) -> list[str]:
    """Return the lines to print: one for each finding, and a summary."""
    notes = [] if found.hidden else [NOT_HIDDEN]
    if not found.moments:
        return [*notes, f"nothing was compared: {_summary(found)}"]
    if found.unstable is not None:
        return [
            *notes,
            f"not deterministic: {_describe_finding(found.unstable, found, 'one run', 'another')}",
        ]
    if found.findings:
        runs = ("the whole data", "data that ends there")
        every = [_describe_finding(one, found, *runs) for one in found.findings]
        return [
            *notes,
            *(f"look-ahead: {text}" for text in every),
            f"decisions differ at {len(every)} of {len(found.moments)} cuts: {_summary(found)}",
        ]
    return [*notes, f"no look-ahead: {_summary(found)}, each the same on data cut there"]


def document(found: Analysis) -> dict[str, Any]:
    """Return the analysis as plain data, times as UTC text."""
    return {
        "passed": found.passed,
        "decisions": found.counts,
        "seed": found.seed,
        "moments": [utc(at) for at in found.moments],
        "hidden": found.hidden,
        "findings": [_finding_document(one, found) for one in found.findings],
        "unstable": None if found.unstable is None else _finding_document(found.unstable, found),
    }


def _finding_document(one: LookaheadFinding, found: Analysis) -> dict[str, Any]:
    if one.difference is None:
        return {"until": utc(one.until), "error": one.error}
    culprit = one.difference.culprit
    return {
        "until": utc(one.until),
        "source": culprit.source,
        "kind": culprit.kind,
        "contract": culprit.contract,
        "bar": _bar_type(culprit, found),
        "time": utc(_time(culprit, found)),
        "first": _decision_document(one.difference.first),
        "second": _decision_document(one.difference.second),
    }


def _describe_finding(one: LookaheadFinding, found: Analysis, first: str, second: str) -> str:
    if one.difference is None:
        where = f"{', '.join(found.bar_types[:1])} {utc(one.until)}"
        return f"a run on data that ends at {where} stopped: {one.error}"
    culprit = one.difference.culprit
    where = f"{_bar_type(culprit, found)} {utc(_time(culprit, found))}"
    return f"{_actor(culprit)} at {where}: {_describe_difference(one.difference, first, second)}"


def _describe_difference(one: Difference, first: str, second: str) -> str:
    word = WORDS.get(one.culprit.kind, one.culprit.kind)
    if one.culprit.kind == OPENING:
        return f"opened {one.culprit.what} itself"
    if one.first is not None and one.second is not None and one.first.kind == one.second.kind:
        a, b = _fields(one.first), _fields(one.second)
        names = [name for name in dict.fromkeys([*a, *b]) if a.get(name) != b.get(name)]
        changes = [f"{name} {a.get(name)} on {first}, {b.get(name)} on {second}" for name in names]
        return _shortened(f"{word} with {'; '.join(changes)}")
    if one.second is None:
        return _shortened(f"{word} on {first}, none on {second}: {one.culprit.what}")
    return _shortened(f"{word} on {second}, none on {first}: {one.culprit.what}")


def _fields(one: Decision) -> dict[str, Any]:
    try:
        decoded = msgspec.json.decode(one.what)
    except msgspec.DecodeError:
        decoded = None
    return decoded if isinstance(decoded, dict) else {"it": one.what}


def _actor(culprit: Decision) -> str:
    by_engine = culprit.kind.startswith("Order") and culprit.kind not in SAMPLED
    return f"the engine, for {culprit.source}," if by_engine else culprit.source


def _bar_type(culprit: Decision, found: Analysis) -> str:
    """Return the bar type that was handled, else that of the contract."""
    if culprit.bar.endswith(("-EXTERNAL", "-INTERNAL")):
        return culprit.bar
    own = (one for one in found.bar_types if one.startswith(f"{culprit.contract}-"))
    return next(own, culprit.bar or culprit.contract)


def _time(culprit: Decision, found: Analysis) -> int:
    return culprit.bar_ts if _bar_type(culprit, found) == culprit.bar else culprit.ts


def _decision_document(one: Decision | None) -> dict[str, Any] | None:
    return None if one is None else {"kind": one.kind, "source": one.source, **_fields(one)}


def _summary(found: Analysis) -> str:
    total = sum(found.counts.values())
    kinds = ", ".join(
        f"{count:,} {NAMES.get(kind, f'{kind}s')}" for kind, count in found.counts.items()
    )
    span = f" from {utc(found.moments[0])} to {utc(found.moments[-1])}" if found.moments else ""
    sampled = f"{len(found.moments)} moments sampled{span}, seed {found.seed}"
    return f"{total:,} decisions ({kinds}), {sampled}" if total else f"no decisions, {sampled}"


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
