"""Describe a run without running it: the rows that `qe check` prints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from qe_plugins import project
from qe_plugins.data.catalog.selection import written
from qe_plugins.engine.recording.run_log import logged
from qe_plugins.engine.running.backtest import start
from qe_plugins.engine.running.build import build
from qe_plugins.engine.running.prepare import PreparedRun, prepare
from qe_plugins.engine.simulation.assumptions import assumptions

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded
    from qe_plugins.plugins import PluginManager

Row = tuple[str, str]


def describe(loaded: Loaded) -> list[Row]:
    """Prepare, build and start a run, dispose of it, and return (label, value) rows.

    Raises what `run` raises before its first bar.
    """
    with logged(loaded):
        prepared = prepare(loaded)
        built = build(prepared)
        try:
            start(built, prepared.tape)
        finally:
            built.context.observers.close()
            built.engine.dispose()
    return [
        *_data_rows(prepared),
        *_component_rows(prepared),
        *_rule_rows(prepared),
        *_warning_rows(prepared.plugins),
    ]


def _data_rows(prepared: PreparedRun) -> Iterator[Row]:
    tape = prepared.tape
    yield "project", str(project.find_root(Path.cwd()) or "none: no strategies/ or agents/ here")
    yield "data", tape.label
    yield "from", written(tape.start)
    yield "to", written(tape.end)
    yield "records", f"{tape.records:,}"
    for one in tape.present():
        yield "coverage", str(one)
        if one.missing:
            yield "missing", f"{one.root} sessions of {one.missing_in_words}"
    for reason in tape.refused.values():
        yield "refused", reason
    for bar_type in tape.bar_types:
        yield "bars", bar_type


def _component_rows(prepared: PreparedRun) -> Iterator[Row]:
    for component in prepared.components:
        author = f"{component.author.__module__}:{component.author.__qualname__}"
        yield LABELS[component.section], f"{component.name} ({author})"
    yield from _roll_rows(prepared)
    for number, (name, role, hooks) in enumerate(prepared.plugins.members(), start=1):
        yield "plugin", f"{number}. {name} ({role}): {', '.join(hooks) or 'no hooks'}"


def _roll_rows(prepared: PreparedRun) -> Iterator[Row]:
    """Return when each front rolls to its next contract, and why."""
    for front in prepared.fronts.values():
        yield "front", f"{front.root} by {front.rule.replace('_', ' ')}, {front.first} first"
        for point in front.roll_points[:SHOWN]:
            yield "roll", f"{written(point.at)} to {point.after}: {point.reason}"
        if len(front.roll_points) > SHOWN:
            yield "roll", f"and {len(front.roll_points) - SHOWN} more"


SHOWN = 8
LABELS = {"strategies": "strategy", "actors": "actor", "exec_algorithms": "execution algorithm"}


def _rule_rows(prepared: PreparedRun) -> Iterator[Row]:
    config = prepared.loaded.config
    rung, posture = config.rung, config.posture
    plural = "" if rung.max_contracts == 1 else "s"
    most = f"at most {rung.max_contracts} contract{plural}"
    limits = f"{rung.risk} {rung.currency} a trade, {most}"
    if rung.enforced:
        yield "rung", f"{rung.name or rung.root or 'any root'}: {limits} for each strategy"
    else:
        yield "rung", f"none, so no order is refused for it; the desk sizes by {limits}"
    if posture is not None:
        yield "posture", f"{'halt' if posture.halt else 'open'}: {posture.reason}"
    for line in assumptions(prepared.loaded, prepared.terms, prepared.tape):
        yield "assumes", line


def _warning_rows(plugins: PluginManager) -> Iterator[Row]:
    if plugins.caller("contribute_signals") and not plugins.caller("resolve_signals"):
        yield "warning", "no arbiter resolves the signals: none would be published"
    if not plugins.caller("veto_order"):
        yield "warning", "no guardian is active: every order passes the gate"
