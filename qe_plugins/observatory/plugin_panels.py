"""Panels that plugins add to pages: data of the hook `dashboard_panels`, never HTML."""

from __future__ import annotations

import threading
import time

import msgspec

from qe_plugins.errors import QeError
from qe_plugins.plugins import Available, PluginManager, listed
from qe_plugins.plugins.types import Panel
from qe_plugins.safe_text import in_words, one_line

HOOK = "dashboard_panels"

KEPT = 5.0
"""Seconds that an answer is shown again."""

PATIENCE = 1.0
"""Seconds that a plugin may take."""


class ShownPanel(msgspec.Struct, frozen=True, kw_only=True):
    """A panel and the plugin that it is of; `problem` says why there is none."""

    plugin: str
    panel: Panel | None = None
    problem: str | None = None


class PanelReader:
    """Asks the plugins that have the hook. They are imported once, after the first page."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._managers: dict[str, PluginManager | str] | None = None
        self._importing: threading.Thread | None = None
        self._kept: dict[str, tuple[float, list[ShownPanel]]] = {}

    def of(self, page: str) -> list[ShownPanel]:
        """Return the panels of a page, none while plugins are being imported.

        A plugin that fails or hangs costs a line, and no page.
        """
        with self._lock:
            if self._importing is None:
                self._importing = threading.Thread(
                    target=self._import, name="qe-panels", daemon=True
                )
                self._importing.start()
            if self._managers is None:
                return []
            at, found = self._kept.get(page, (0.0, []))
            if not at or time.monotonic() - at > KEPT:
                found = [
                    shown
                    for name, manager in self._managers.items()
                    if (shown := _asked(name, manager, page)) is not None
                ]
                self._kept[page] = (time.monotonic(), found)
            return found

    def _import(self) -> None:
        self._managers = _managers()


def _managers() -> dict[str, PluginManager | str]:
    """Return each plugin with the hook, activated, or why it could not be."""
    found: dict[str, PluginManager | str] = {}
    wanted = [name for name, plugin in listed().items() if _may_have_it(plugin)]
    for name, plugin in sorted(listed(wanted).items()):
        if name not in wanted:
            continue
        if plugin.error:
            found[name] = plugin.error
        elif HOOK in plugin.hooks:
            try:
                found[name] = PluginManager.activate([(name, None)])
            except QeError as error:
                found[name] = in_words(error)
    return found


def _may_have_it(plugin: Available) -> bool:
    return HOOK in plugin.hooks or plugin.source.startswith("entry point")


def _asked(name: str, manager: PluginManager | str, page: str) -> ShownPanel | None:
    if isinstance(manager, str):
        return ShownPanel(plugin=name, problem=manager)
    answers: list[ShownPanel | None] = []

    def ask() -> None:
        for result in manager.call(HOOK, page=page):
            if result.error is not None:
                answers.append(ShownPanel(plugin=name, problem=one_line(result.error)))
            elif result.value is None:
                answers.append(None)
            else:
                answers.append(ShownPanel(plugin=name, panel=result.value))

    thread = threading.Thread(target=ask, name=f"qe-panel-{name}", daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if not answers:
        return ShownPanel(plugin=name, problem=f"it did not answer within {PATIENCE:g} s")
    return answers[0]
