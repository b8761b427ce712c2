"""`/runs`, `/run/ID`, `/trade/ID`, `/compare/A/B`: runs, their figures, trades and reports."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import msgspec
from starlette.responses import FileResponse, Response

from qe_plugins.errors import QeError
from qe_plugins.journal.facts import Fact, FactKind, OpenRun
from qe_plugins.journal.listings import VIEWS, line, utc
from qe_plugins.journal.trace import causal_chain, find_trade
from qe_plugins.observatory.pages import Asked, Page, Shown
from qe_plugins.observatory.server.guard import FRAMED
from qe_plugins.observatory.sources import Sources
from qe_plugins.report import comparison, run_index
from qe_plugins.report.figures import formatting

SHOWN_RUNS = 200
SHOWN_TRADES = 100
NUMBER = re.compile(r"[-+−]?\d[\d,.]*")


def page(sources: Sources) -> Page:
    """Return the pages of runs."""

    def facts(run_id: str, kinds: tuple[FactKind, ...] | None = None) -> list[Fact]:
        journal = sources.journal()
        return [] if journal is None else journal.facts(run_id, kinds)

    def every(asked: Asked) -> Shown:
        journal = sources.journal()
        unended: list[OpenRun] = [] if journal is None else journal.open_runs()
        found = run_index.with_open(unended)
        rows = [_run_row(run) for run in found[:SHOWN_RUNS]]
        values = {"rows": rows, "left_out": max(len(found) - SHOWN_RUNS, 0)}
        return Shown(template="runs.html", values=values)

    def one(asked: Asked) -> Shown:
        text = asked.path["run"]
        journal = sources.journal()
        unended = {run.run_id: run for run in ([] if journal is None else journal.open_runs())}
        if text in unended:
            known = facts(text)
            counts = Counter(str(fact.kind) for fact in known)
            values = {
                "run": unended[text],
                "counts": sorted(counts.items()),
                "listings": list(VIEWS),
            }
            return Shown(template="open_run.html", values=values)
        place = run_index.find(text)
        figures = {**run_index.figures(place), "run_dir": str(place)}
        with run_index.as_written(place):
            found = facts(figures["run_id"], (FactKind.TRADE, FactKind.VETO))
            trades = [fact for fact in found if fact.kind is FactKind.TRADE]
            vetoes = [fact for fact in found if fact.kind is FactKind.VETO]
            values = {
                "figures": figures,
                "listings": list(VIEWS),
                "tiles": _tiles(figures),
                "plugins": figures["plugins"],
                "trades": [_trade_row(figures["run_id"], one) for one in trades[-SHOWN_TRADES:]],
                "earlier": max(len(trades) - SHOWN_TRADES, 0),
                "vetoes": _by_reason(vetoes),
                "has_report": (place / run_index.PAGE).is_file(),
            }
        return Shown(template="run.html", values=values, framing=True, chart=True)

    def report(asked: Asked) -> Response:
        place = run_index.find(asked.path["run"])
        return FileResponse(
            place / run_index.PAGE,
            media_type="text/html",
            headers={"Content-Security-Policy": FRAMED, "X-Frame-Options": "SAMEORIGIN"},
        )

    def framed(asked: Asked) -> Shown:
        place = run_index.find(asked.path["run"])
        values = {"run_id": run_index.figures(place)["run_id"]}
        return Shown(template="framed_report.html", values=values, framing=True)

    def chart(asked: Asked) -> Response:
        place = run_index.find(asked.path["run"])
        wanted = [asked.query.get(name, "") for name in ("trade", "instrument", "overlay")]
        drawn: bytes = sources.tables.call(
            "qe_plugins.observatory.charting", "chart_json", place, *wanted
        )
        return Response(drawn, media_type="application/json")

    def trade(asked: Asked) -> Shown:
        journal = sources.journal()
        if journal is None:
            raise QeError("there is no journal yet.", hint="Start a run with `qe backtest FILE`.")
        run_id = journal.resolve(asked.query.get("run", "last"))
        known = journal.facts(run_id)
        found = find_trade(known, asked.path["trade"])
        chain = causal_chain(known, found)
        name = found.id.removeprefix("trade:")
        values: dict[str, Any] = {
            "run_id": run_id,
            "trade": found,
            "name": name,
            "rows": [(key, value) for key, value in found.body.items() if key != "orders"],
            "steps": [
                {"depth": min(step.depth, 12), "fact": step.fact, "at": utc(step.fact.ts_event),
                 "text": line(step.fact), "name": step.fact.id.partition("@")[0]}
                for step in chain
            ],
            "reviews": [step.fact for step in chain if step.fact.kind is FactKind.REVIEW],
            "costs": None,
            "why_no_costs": None,
        }  # fmt: skip
        try:
            place = run_index.find(run_id)
            values["costs"] = sources.tables.call(
                "qe_plugins.report.trade_report", "describe_trade", place, name
            )
        except QeError as error:
            values["why_no_costs"] = str(error)
        return Shown(template="trade.html", values=values, chart=values["costs"] is not None)

    def compare(asked: Asked) -> Shown:
        found = comparison.compare(
            run_index.find(asked.path["first"]), run_index.find(asked.path["second"])
        )
        figures = {
            formatting.label(key): [formatting.format_value(key, value) for value in values]
            for key, values in found["figures"].items()
        }
        return Shown(template="compare.html", values={"found": found, "figures": figures})

    def ask_to_compare(asked: Asked) -> Shown:
        first, second = asked.query.get("first", ""), asked.query.get("second", "")
        if first and second:
            return compare(msgspec.structs.replace(asked, path={"first": first, "second": second}))
        return every(asked)

    return Page(
        title="Runs",
        path="/runs",
        views={
            "/runs": every,
            "/run/{run}": one,
            "/run/{run}/report": framed,
            "/run/{run}/report.html": report,
            "/run/{run}/chart.json": chart,
            "/trade/{trade}": trade,
            "/compare": ask_to_compare,
            "/compare/{first}/{second}": compare,
        },
    )


def _run_row(run: dict[str, Any]) -> dict[str, Any]:
    name, started = run.get("name", ""), run.get("started", "")[:19].replace("T", " ")
    href = f"/run/{run['run_id']}"
    if "damaged" in run:
        return {"cells": [run["run_id"], "damaged", "", "", "", "", run["damaged"]]}
    if "state" in run:
        facts = f"{run['facts']:,} facts"
        return {"cells": [run["run_id"], run["state"], started, name, "", "", facts], "href": href}
    shown = [
        run["run_id"],
        run["mode"],
        started,
        name,
        f"{run['trades']:,}",
        formatting.with_unit("net_pnl", run),
        run.get("data_label", ""),
    ]
    return {"cells": shown, "href": href}


def _tiles(figures: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (label, formatting.with_unit(key, figures)) for key, label in formatting.KEY_FIGURES[:-1]
    ]


def _trade_row(run_id: str, fact: Fact) -> dict[str, Any]:
    body, name = fact.body, fact.id.removeprefix("trade:")
    cells = [
        name.rpartition("-")[2],
        utc(body["opened"]) if isinstance(body.get("opened"), int) else "",
        body.get("side", ""),
        body.get("quantity", ""),
        body.get("instrument_id", name.partition("-")[0]),
        body.get("entry", ""),
        body.get("exit", ""),
        body.get("pnl", ""),
    ]
    return {"cells": cells, "href": f"/trade/{name}?run={run_id}"}


def _by_reason(vetoes: list[Fact]) -> list[dict[str, Any]]:
    """Return vetoes by plugin and reason, numbers in it left aside, most frequent first."""
    found: Counter[tuple[str, str]] = Counter()
    example: dict[tuple[str, str], Fact] = {}
    for fact in vetoes:
        key = (str(fact.body.get("plugin", fact.source)), NUMBER.sub("…", fact.body["reason"]))
        found[key] += 1
        example[key] = fact
    return [
        {
            "count": count,
            "plugin": key[0],
            "reason": key[1],
            "last": example[key].body["reason"],
            "at": utc(example[key].ts_event),
            "id": example[key].id,
        }
        for key, count in found.most_common()
    ]
