"""`factors.html`: explore against confirm t of every factor, survivors, and the verdict."""

from __future__ import annotations

import math
from typing import Any

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from qe_plugins.report.pages import templates
from qe_plugins.research.factors.factor_test import Factor, FactorResult
from qe_plugins.research.factors.verdict import caution, sentence

MOST_ROWS = 60
HEAD = (
    *(
        "Factor",
        "State",
        "t explore",
        "t confirm",
        "naive t",
        "naive t",
        "IC explore",
        "IC confirm",
    ),
    *("p, all tested", "p, FDR", "Haircut", "Break-even IC", "Pays", "Turnover", "Capacity"),
    "Cluster",
)
TEXTS = ("Factor", "State", "Pays", "Cluster")
NAIVE = "naive t"
CLOUD = math.sqrt(-2 * math.log(0.05))
"""The radius that 95% of pairs of independent t without an edge are inside of."""


def render(test: str, result: FactorResult) -> str:
    """Return the page as self-contained HTML; it needs no network."""
    return (
        templates()
        .get_template("factors.html")
        .render(
            test=test,
            result=result,
            verdict=sentence(result),
            cautions=caution(result),
            head=HEAD,
            texts=TEXTS,
            naive=NAIVE,
            rows=[_row(result, one) for one in result.survivors[:MOST_ROWS]],
            clusters=len({one.cluster for one in result.survivors}),
            more=max(0, len(result.survivors) - MOST_ROWS),
            drawn=_scatter(result),
            plotly=Markup(get_plotlyjs()),
        )
    )


def _row(result: FactorResult, one: Factor) -> list[str]:
    return [
        one.name,
        one.state,
        f"{one.t[0]:+.2f}",
        f"{one.t[1]:+.2f}",
        f"{one.naive[0]:+.1f}",
        f"{one.naive[1]:+.1f}",
        f"{one.ic[0]:+.4f}",
        f"{one.ic[1]:+.4f}",
        f"{one.adjusted:.3f}",
        f"{one.fdr:.3f}",
        f"{one.haircut:.0%}",
        f"{result.economics.break_even:.4f}",
        "yes" if one.pays else "no",
        f"{one.turnover:.0%}",
        f"{one.capacity:,}",
        one.cluster,
    ]


def _scatter(result: FactorResult) -> dict[str, Any]:
    groups: dict[str, list[Factor]] = {
        "chance": [],
        "survivor": [],
        "family-wise": [],
        "suspect": [],
    }
    for one in result.factors:
        groups[one.state].append(one)
    return {
        "critical": result.yardstick.critical,
        "cloud": CLOUD,
        "groups": [
            {
                "name": name,
                "x": [round(one.t[0], 3) for one in found],
                "y": [round(one.t[1], 3) for one in found],
                "text": [one.name for one in found],
            }
            for name, found in groups.items()
        ],
    }
