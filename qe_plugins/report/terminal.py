"""Tables of a run's figures for the terminal."""

from __future__ import annotations

from typing import Any

from rich.markup import escape as escape_markup
from rich.table import Table

from qe_plugins.report.figures import formatting
from qe_plugins.safe_text import shown as as_shown

type Figures = dict[str, Any]
FIGURES = formatting.KEY_FIGURES + formatting.COST_FIGURES
PLUGIN_COLUMNS = {
    "asked": "calls",
    "answered": "answers",
    "vetoed": "vetoes",
    "failed": "failures",
    "seconds": "seconds",
}
"""The heading of each figure of a plugin."""


def escape(text: str) -> str:
    """Return outside text with Rich's markup escaped, so that it is printed literally."""
    return escape_markup(as_shown(text, lines=True))


def table(figures: Figures) -> Table:
    """Return the figures of one run, with the keys of `summary.summarize`, two to a line."""
    notes = (
        formatting.coverage_note,
        formatting.rolls_note,
        formatting.settlements_note,
        formatting.options_note,
        formatting.open_positions_note,
        formatting.caption,
    )
    lines = [note(figures) for note in notes]
    shown = Table(
        title=escape(f"{figures['name']}  {figures['run_id']}"),
        caption=escape("\n".join(filter(None, lines))),
        title_justify="left",
        caption_justify="left",
        show_header=False,
        pad_edge=False,
        box=None,
    )
    for justify in ("left", "right", "left", "right"):
        shown.add_column(justify=justify, no_wrap=True)
    pairs = [(label, formatting.with_unit(key, figures)) for key, label in FIGURES]
    half = (len(pairs) + 1) // 2
    for row, left in enumerate(pairs[:half]):
        right = pairs[half + row] if half + row < len(pairs) else ("", "")
        shown.add_row(left[0], left[1], f"   {right[0]}", right[1])
    return shown


def plugins(figures: Figures) -> Table | None:
    """Return calls, answers, vetoes and failures of each plugin; None if no plugin was active."""
    if not figures["plugins"]:
        return None
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("plugin")
    shown.add_column("role")
    for heading in PLUGIN_COLUMNS.values():
        shown.add_column(heading, justify="right")
    for one in figures["plugins"]:
        counts = [f"{one[key]:,}" for key in PLUGIN_COLUMNS if key != "seconds"]
        shown.add_row(escape(one["name"]), one["role"], *counts, f"{one['seconds']:.2f}")
    return shown


def runs(listing: list[Figures]) -> Table:
    """Return one line per run; a run's id begins with its time in UTC and ends with its name."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("run, UTC", overflow="fold")
    shown.add_column("data", no_wrap=True)
    for name in ("trades", "net P&L", "Sharpe", "drawdown"):
        shown.add_column(name, justify="right", no_wrap=True)
    for one in listing:
        keys = ("trades", "net_pnl", "sharpe", "max_drawdown")
        values = (formatting.format_value(key, one.get(key)) for key in keys)
        source = one.get("state", one.get("data_source", formatting.UNKNOWN))
        source = "damaged" if "damaged" in one else source
        shown.add_row(escape(one["run_id"]), source, *values)
    return shown


def differences(found: Figures) -> Table:
    """Return the figures of `comparison.compare` side by side."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("")
    for name in ("first", "second", "difference"):
        shown.add_column(name, justify="right", no_wrap=True)
    for key, values in found["figures"].items():
        shown.add_row(
            formatting.label(key), *(formatting.format_value(key, value) for value in values)
        )
    return shown


def settings(found: Figures) -> Table | None:
    """Return the settings in which two runs differ; None if they are equal."""
    if not found["settings"]:
        return None
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("setting", "first", "second"):
        shown.add_column(name, overflow="fold")
    for key, values in found["settings"].items():
        shown.add_row(key, *(escape(str(value)) for value in values))
    return shown
