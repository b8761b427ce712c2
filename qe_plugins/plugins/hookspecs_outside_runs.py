"""Hooks that are called outside a run: by the fleet and by the Observatory.

`hookspecs` lists them with the others; a docstring has the same parts as there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from qe_plugins.plugins.types import Panel

type ProviderFactory = Callable[[Any], Any]
"""Builds a provider from `qe_plugins.llm.providers.base.ProviderSettings`."""

hookspec = pluggy.HookspecMarker("qe")


@hookspec
def register_providers() -> Mapping[str, ProviderFactory] | None:
    """Register providers of language models, for the fleet.

    Called: when a scan opens a provider whose `sdk` in `configs/prices.yaml` is not built in.
    Thread: main.
    Answers: factories by name, which `sdk` refers to; a name registered twice is an error.
    Exception: the scan does not start.

    A factory takes a `ProviderSettings` and returns an object with the methods of `Provider`:
    `complete`, which raises nothing but `ProviderFailure`, and `aclose`. All of them are in
    `qe_plugins.llm.providers.base`. The plugin needs no entry in a YAML file; it is found in
    `agents/` and in installed packages. Its host needs `--allow-host`.

    Example::

        class LocalModels(Plugin):
            @hookimpl
            def register_providers(self):
                return {"local": self.open_provider}

            def open_provider(self, settings):
                from local_models import Model

                return Model(settings.base_url, settings.concurrency)
    """


@hookspec
def dashboard_panels(page: str) -> Panel | None:
    """Add a panel to a page of the Observatory.

    Called: when the page is asked for, at most once in 5 s; an entry in a YAML file is not needed.
    Thread: its own.
    Answers: all are shown below the page, in the order of the plugins' names.
    Exception: the panel is a line that says so; so is one that takes longer than a second.

    Args:
        page: `mission_control`, `orchestration` or `launchpad`.

    Example::

        class Rules(Plugin):
            @hookimpl
            def dashboard_panels(self, page):
                return Panel(title="Rules of the desk", markdown="- trade small")
    """
