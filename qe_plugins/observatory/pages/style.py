"""`/style`, in development mode: every component of the pages, in each of its states."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from qe_plugins.journal.activity.records import ActivityKind, PipelineRow, Severity
from qe_plugins.observatory.live.strip import ADVICE, StripEvent, StripFigure, StripState
from qe_plugins.observatory.pages import Asked, Page, Shown
from qe_plugins.observatory.sources import Sources

OUTSIDE = "<b onclick=alert(1)>a model's words</b> ‮reversed‬ {{ 7*7 }} javascript:alert(1)"


def page(sources: Sources) -> Page | None:
    """Return the page; None without `--development`."""
    if not sources.settings.development:
        return None

    def show(asked: Asked) -> Shown:
        now = datetime.now(UTC)
        ms = int(time.time() * 1000)
        lines = [
            PipelineRow(
                seq=number,
                at_ns=ms * 1_000_000,
                hash="0" * 64,
                process="paper",
                kind=kind,
                severity=severity,
                text=text,
            )
            for number, (kind, severity, text) in enumerate(
                [
                    (ActivityKind.START, Severity.INFO, "quickstart, configs/backtest"),
                    (ActivityKind.REFUSED, Severity.WARNING, "refused (host): GET / of host x"),
                    (ActivityKind.ALARM, Severity.ALARM, OUTSIDE),
                ],
                start=1,
            )
        ]
        values = {
            "strips": list(strips(ms)),
            "lines": lines,
            "outside": OUTSIDE,
            "old": now - timedelta(seconds=90),
            "recent": now,
            "rows": [
                {"cells": ["1", "LONG", "6,500.25", "a reason that wraps over lines " * 4],
                 "href": "/style"},
                {"cells": ["2", "SHORT", "−12.40", OUTSIDE]},
            ],
        }  # fmt: skip
        return Shown(template="style.html", values=values)

    return Page(title="Style", path="/style", views={"/style": show})


def strips(ms: int) -> list[StripState]:
    """Return a strip in each state."""
    figures = (
        StripFigure(name="today", text="-120 of -150 USD", read_ms=ms),
        StripFigure(name="equity", text="99,880.00 USD", read_ms=ms - 60_000),
    )
    events = (StripEvent(name="ES stops", at_ms=ms + 5_400_000),)
    held = "from 6,500.25, stop 6,490.00"
    at_risk = "MESZ26: 51.25 USD from entry to stop, before fees and slippage"
    return [
        StripState(tone="idle", word="NO SESSION", sentence="no node runs here.", read_ms=ms),
        StripState(
            tone="calm", word="FLAT", sentence="live, mes: nothing is held.", read_ms=ms,
            figures=figures, events=events,
        ),
        StripState(
            tone="open", word="LONG 1 MESZ26", sentence=held, read_ms=ms - 4000,
            figures=figures, events=events, at_risk=at_risk,
            more=("FLAT paper, quickstart: nothing is held.",),
        ),
        StripState(
            tone="halted", word="HALTED 03:12", sentence="by trigger stale_data: data stale",
            read_ms=ms, since_ms=ms - 480_000, figures=figures, advice=ADVICE["halted"],
        ),
        StripState(
            tone="lost", word="NODE SILENT", read_ms=ms - 14_000, since_ms=ms - 14_000,
            sentence=f"mes, process 4711; held when last seen: LONG 1 MESZ26 {held}.",
            at_risk=at_risk, advice=ADVICE["lost"],
        ),
    ]  # fmt: skip
