"""SYNTHESIS: one page about the desk's day, whose tables are code's and whose text is checked.

Its first line says when nothing was learned. Proposals are shown as differences of a configuration,
and nothing applies them.
"""

from __future__ import annotations

import html
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from qe_plugins.fleet.messaging.outbox import ReportBody
from qe_plugins.fleet.patterns import checked
from qe_plugins.fleet.roles.context import RoleContext
from qe_plugins.fleet.roles.role import RoleWork
from qe_plugins.fleet.sessions.records import SessionResult
from qe_plugins.fleet.sessions.rules import Steps
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins.types import Role

KINDS = (
    *(FactKind.VOTE, FactKind.SIGNAL, FactKind.VETO, FactKind.TRADE, FactKind.REVIEW),
    *(FactKind.LESSON, FactKind.VERDICT, FactKind.PROPOSAL, FactKind.FAILURE),
)
MOST = 10_000
QUIET = "Nothing was learned."


class ReportAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A synthesis: at most five sentences, figures as the inputs name them."""

    summary: Annotated[str, Meta(min_length=1, max_length=900)]


class DayFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in a run up to a moment, counted in code; `earned` is net P&L, `cost` USD."""

    votes: int
    signals: int
    vetoes: int
    trades: int
    lessons: int
    proposals: int
    failures: int
    earned: Decimal
    commissions: Decimal
    cost: Decimal

    def numbers(self) -> dict[str, float]:
        """Return the figures by name."""
        return {name: float(getattr(self, name)) for name in self.__struct_fields__}


class ReportOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The page as Markdown and as HTML, its figures, and what was wrong with the model's text."""

    markdown: str
    html: str
    figures: DayFigures
    diffs: tuple[str, ...] = ()
    wrong_figures: tuple[str, ...] = ()


def day_figures(context: RoleContext) -> DayFigures:
    """Return the figures of the context's run up to its moment."""
    known = {kind: context.facts([kind], context.as_of, MOST) for kind in KINDS}
    trades = [one.body for one in known[FactKind.TRADE]]
    return DayFigures(
        votes=len(known[FactKind.VOTE]),
        signals=len(known[FactKind.SIGNAL]),
        vetoes=len(known[FactKind.VETO]),
        trades=len(trades),
        lessons=len(known[FactKind.LESSON]),
        proposals=len(known[FactKind.PROPOSAL]),
        failures=len(known[FactKind.FAILURE]),
        earned=sum((Decimal(one["pnl"]) for one in trades), Decimal(0)),
        commissions=sum((Decimal(one["commissions"]) for one in trades), Decimal(0)),
        cost=context.spent,
    )


def inputs(context: RoleContext) -> dict[str, Any]:
    """Return the figures of the day and who disagreed with whom."""
    return {"figures": day_figures(context).numbers(), "disagreed": disagreements(context)}


def disagreements(context: RoleContext) -> list[str]:
    """Return the roles whose last messages have opposite signs, in pairs."""
    last = {str(one.role): one.body.score for one in context.messages}
    names = sorted(last)
    return [
        f"{one} and {other}"
        for number, one in enumerate(names)
        for other in names[number + 1 :]
        if last[one] * last[other] < 0
    ]


def rule(given: dict[str, Any]) -> Steps:
    """Say what was counted, in the words of the figures."""
    yield [("messages", {}), ("lessons", {})]
    found = given["figures"]
    parts = [f"{name} {found[name]:g}" for name in ("signals", "vetoes", "trades", "lessons")]
    text = f"{', '.join(parts)}; earned {found['earned']:.2f}; cost {found['cost']:.4f}."
    return ReportAnswer(summary=text if found["lessons"] else f"{QUIET} {text}")


def outcome(context: RoleContext, session: SessionResult[ReportAnswer]) -> ReportOutcome:
    """Return the page; a text with a wrong figure is left out, and the tables stay."""
    figures, text = day_figures(context), ""
    wrong: tuple[str, ...] = ()
    if session.answer is not None:
        sentence = checked(session.answer.summary, figures.numbers())
        wrong = sentence.wrong
        text = session.answer.summary if sentence.held else ""
    diffs = tuple(_diff(one) for one in context.facts([FactKind.PROPOSAL], context.as_of, MOST))
    page = _markdown(context, figures, text, diffs, disagreements(context))
    return ReportOutcome(
        markdown=page, html=_html(page), figures=figures, diffs=diffs, wrong_figures=wrong
    )


def facts(context: RoleContext, found: ReportOutcome, cause: str) -> list[Fact]:
    """Return nothing: the page is a view, and the decision is in the journal."""
    return []


def message(found: ReportOutcome) -> ReportBody:
    """Return the first lines of the page for the bus."""
    return ReportBody(
        score=0.0,
        confidence=0.0,
        coverage=1.0,
        effective=1.0,
        reason=found.markdown.partition("\n## ")[0][:280],
        targets=(),
    )


def _diff(proposal: Fact) -> str:
    """Return a proposal as a difference of a configuration."""
    body = proposal.body
    lines = [f"# {body.get('title', 'proposal')}: {body.get('reason', '')}"]
    lines += [f"+ {name}: {value}" for name, value in sorted(body.get("change", {}).items())]
    return "\n".join(lines)


def _markdown(
    context: RoleContext,
    figures: DayFigures,
    text: str,
    diffs: tuple[str, ...],
    disagreed: list[str],
) -> str:
    count = figures.lessons
    first = f"{count} lesson{'s were' if count > 1 else ' was'} learned." if count else QUIET
    summary = text.removeprefix(QUIET).strip()
    rows = [
        ("found", f"{_counted(figures.votes, 'vote')}, {_counted(figures.signals, 'signal')}"),
        (
            "done",
            f"{_counted(figures.trades, 'trade')}, {_counted(figures.vetoes, 'veto', 'vetoes')}, "
            f"{_counted(figures.failures, 'failure')}",
        ),
        ("earned", f"{figures.earned} after commissions of {figures.commissions}"),
        ("models cost", f"{figures.cost:.4f} USD"),
        ("disagreed", ", ".join(disagreed) or "no one"),
        ("learned", str(count)),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    shown = "\n\n".join(f"```diff\n{one}\n```" for one in diffs) or "None."
    parts = [first, summary, f"## The day\n\n| | |\n|---|---|\n{table}"]
    parts.append(f"## Proposals, which a person applies\n\n{shown}")
    return "\n\n".join(part for part in parts if part) + "\n"


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def _html(markdown: str) -> str:
    """Return the page as one HTML file: headings, the table, differences and paragraphs."""
    body: list[str] = []
    for block in markdown.strip().split("\n\n"):
        if block.startswith("## "):
            body.append(f"<h2>{html.escape(block[3:])}</h2>")
        elif block.startswith("|"):
            cells = [line.strip("| ").split(" | ") for line in block.splitlines()[2:]]
            rows = "".join(
                "<tr>" + "".join(f"<td>{html.escape(one)}</td>" for one in row) + "</tr>"
                for row in cells
            )
            body.append(f"<table>{rows}</table>")
        elif block.startswith("```"):
            inside = "\n".join(block.splitlines()[1:-1])
            body.append(f"<pre>{html.escape(inside)}</pre>")
        else:
            body.append(f"<p>{html.escape(block)}</p>")
    style = "body{font:16px sans-serif;max-width:44em;margin:2em auto}td{padding:.2em .8em}"
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>The desk\'s day</title>'
    return f"{head}<style>{style}</style>{''.join(body)}</html>\n"


SYNTHESIS = RoleWork(
    role=Role.SYNTHESIS,
    answer_type=ReportAnswer,
    inputs=inputs,
    rule=rule,
    outcome=outcome,
    facts=facts,
    message=message,
)
