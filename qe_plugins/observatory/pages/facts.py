"""`/facts/NAME`, `/fact/RUN/ID`: the listings of `qe journal` as pages, and one fact."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from qe_plugins.errors import QeError
from qe_plugins.journal.facts import FactKey, RunFact
from qe_plugins.journal.listings import VIEWS, Listing, cell, line, utc
from qe_plugins.observatory.notes import notes_on
from qe_plugins.observatory.pages import Asked, Page, Shown
from qe_plugins.observatory.sources import Sources

ROWS = 100
ALL = "all"
EVERY = Listing((), ("time", "fact", "line"), "Every fact.")
WRAPPED = {"reason", "line", "summary", "error", "settings", "figures", "change", "facts"}
RIGHT = {
    *("quantity", "price", "trigger", "pnl", "entry", "exit", "contracts", "commission"),
    *("commissions", "stop", "target", "confidence"),
}


def page(sources: Sources) -> Page:
    """Return the pages of facts."""

    def show(asked: Asked) -> Shown:
        name = asked.path["name"]
        if name != ALL and name not in VIEWS:
            raise QeError(f"no listing '{name[:40]}'.", hint="`qe journal --help` names them.")
        view = VIEWS.get(name, EVERY)
        run, word = asked.query.get("run", "last")[:200] or "last", asked.query.get("word", "")
        values: dict[str, Any] = {"name": name, "run": run, "word": word, "listings": list(VIEWS)}
        values |= {"rows": [], "older": None, "about": view.about, "of": run, "columns": []}
        values |= {"why": "No fact yet.", "command": "qe backtest configs/backtest/quickstart.yaml"}
        journal = sources.journal()
        if journal is None:
            return Shown(template="facts.html", values=values)
        run_id = None if run == ALL else journal.resolve(run)
        found = journal.page(
            _key(asked.query.get("after")),
            view.kinds or None,
            run_id,
            ROWS + 1,
            word=word[:100] or None,
            newest_first=True,
        )
        columns = [*(() if run_id else ("run",)), *view.columns]
        values |= {
            "of": run_id or "all runs",
            "columns": [_heading(one) for one in columns],
            "rows": [_row(one, columns) for one in found[:ROWS]],
            "why": f"{run_id or 'No run'} has none of these." if run_id else "No fact yet.",
            "command": f"qe journal {name} --run {run_id}" if run_id and name != ALL else None,
        }
        if len(found) > ROWS:
            query = {"run": run, "word": word, "after": str(found[ROWS - 1].key)}
            values["older"] = f"/facts/{name}?{urlencode(query)}"
        return Shown(template="facts.html", values=values)

    def one(asked: Asked) -> Shown:
        journal = sources.journal()
        if journal is None:
            raise QeError("there is no journal yet.", hint="Start a run with `qe backtest FILE`.")
        run_id, wanted = journal.resolve(asked.path["run"]), asked.path["fact"]
        known = journal.facts(run_id)
        by_id = {fact.id: fact for fact in known}
        if wanted not in by_id:
            raise QeError(f"no fact '{wanted[:80]}'.", where=run_id)
        fact = by_id[wanted]
        cause = by_id.get(fact.cause) if fact.cause else None
        effects = [
            {"id": other.id, "line": line(other)} for other in known if other.cause == wanted
        ]
        values = {
            "run_id": run_id,
            "fact": fact,
            "cause": cause,
            "cause_line": line(cause) if cause else "",
            "effects": effects[:ROWS],
            "notes": notes_on(sources.activity(), f"/fact/{run_id}/{wanted}"),
        }
        return Shown(template="fact.html", values=values)

    return Page(
        title="Facts",
        path="/facts/all",
        views={"/facts/{name}": show, "/fact/{run}/{fact:path}": one},
    )


def _key(text: str | None) -> FactKey | None:
    try:
        return FactKey.parse(text) if text else None
    except ValueError as error:
        raise QeError("no such place in the facts.", hint="Go back to the first page.") from error


def _heading(column: str) -> str:
    mark = "~" if column in WRAPPED else ">" if column in RIGHT else ""
    return mark + column.replace("_", " ")


def _row(found: RunFact, columns: list[str]) -> dict[str, Any]:
    fact = found.fact
    texts = {"run": found.run_id, "line": line(fact), "time": utc(fact.ts_event)}
    cells = [texts[name] if name in texts else cell(fact, name) for name in columns]
    return {"cells": cells, "href": f"/fact/{found.run_id}/{quote(fact.id, safe='')}"}
