"""Named in YAML means active: made with settings, in the order written."""

from __future__ import annotations

import pytest

from qe_plugins import PluginConfig
from qe_plugins.errors import HookError, PluginError
from qe_plugins.plugins import PluginManager, find

LIMITED = """
    from qe_plugins import Plugin, PluginConfig, Veto, hookimpl

    class LimitedConfig(PluginConfig, frozen=True):
        contracts: int = 1

    class Limited(Plugin):
        Config = LimitedConfig

        @hookimpl
        def veto_order(self, order):
            return Veto(f"at most {self.config.contracts}")
"""


def test_plugins_answer_in_the_order_in_which_they_are_wanted(site):
    for name in ("guardian_a", "guardian_b", "guardian_c"):
        site.agent(name, LIMITED)

    plugins = PluginManager.activate(
        [("guardian_c", None), ("guardian_a", None), ("guardian_b", None)]
    )

    answered = [answer.plugin for answer in plugins.call("veto_order", order=None)]
    assert answered == ["guardian_c", "guardian_a", "guardian_b"] == plugins.names


def test_a_plugin_is_made_with_its_settings(site):
    site.agent("guardian_a", LIMITED)
    settings = find("guardian_a").cls.Config(contracts=3)

    [answer] = PluginManager.activate([("guardian_a", settings)]).call("veto_order", order=None)

    assert answer.value.reason == "at most 3"


def test_without_settings_a_plugin_has_its_defaults(site):
    site.agent("guardian_a", LIMITED)

    [answer] = PluginManager.activate([("guardian_a", None)]).call("veto_order", order=None)

    assert answer.value.reason == "at most 1"


def test_what_is_installed_but_not_wanted_is_not_asked(site):
    site.agent("guardian_a", LIMITED)

    assert PluginManager.activate([]).caller("veto_order") is None


def test_a_plugin_that_cannot_be_made_says_which_and_why(site):
    site.agent(
        "guardian_a",
        """
        from qe_plugins import Plugin

        class A(Plugin):
            def __init__(self, config):
                raise OSError("no such file")
        """,
    )

    with pytest.raises(
        PluginError, match=r"plugin guardian_a: could not be instantiated: OSError: no"
    ):
        PluginManager.activate([("guardian_a", PluginConfig())])


def test_a_plugin_that_breaks_a_hook_is_not_activated(site):
    site.agent("guardian_a", LIMITED.replace("self, order", "self, order=None"))

    with pytest.raises(HookError, match="argument 'order' has a default"):
        PluginManager.activate([("guardian_a", None)])
