"""What is refused before a plugin may be asked anything."""

from __future__ import annotations

import re

import pytest

from qe_plugins import Plugin, hookimpl
from qe_plugins.errors import HookError
from qe_plugins.plugins import validation


class Plain(Plugin):
    @hookimpl
    def veto_order(self, order, rung):
        return None

    @hookimpl
    def engine_started(self, cache):
        return None


class Static(Plugin):
    @staticmethod
    @hookimpl
    def veto_order(order):
        return None


class Nothing(Plugin):
    @hookimpl
    def veto_order(self):
        return None


class Coroutine(Plugin):
    @hookimpl
    async def veto_order(self, order):
        return None


class AsyncGenerator(Plugin):
    @hookimpl
    async def contribute_signals(self, bar):
        yield None


class UnknownHook(Plugin):
    @hookimpl
    def veto_ordr(self, order):
        return None


class UnknownArgument(Plugin):
    @hookimpl
    def veto_order(self, ordr):
        return None


class Default(Plugin):
    @hookimpl
    def veto_order(self, order, rung=None):
        return None


class Stars(Plugin):
    @hookimpl
    def veto_order(self, order, **others):
        return None


class KeywordOnly(Plugin):
    @hookimpl
    def veto_order(self, *, order):
        return None


class Unmarked(Plugin):
    def veto_order(self, order):
        return None


class TryFirst(Plugin):
    @hookimpl(tryfirst=True)
    def veto_order(self, order):
        return None


class Inherited(UnknownArgument):
    """Breaks nothing itself."""


@pytest.mark.parametrize("plugin", [Plain, Static, Nothing])
def test_a_plugin_may_name_only_what_it_uses(plugin):
    validation.check("mine", plugin)


@pytest.mark.parametrize(
    ("plugin", "line"),
    [
        (Coroutine, "mine.veto_order: an `async def` would never be awaited."),
        (AsyncGenerator, "mine.contribute_signals: an `async def` would never be awaited."),
        (UnknownHook, "mine.veto_ordr: marked @hookimpl, but there is no such hook."),
        (UnknownArgument, "mine.veto_order: unknown argument 'ordr'. Did you mean 'order'?"),
        (Default, "mine.veto_order: argument 'rung' has a default."),
        (Stars, "mine.veto_order: '**others' would stay empty."),
        (KeywordOnly, "mine.veto_order: 'order' would stay empty."),
        (Unmarked, "mine.veto_order: a method named like a hook, without @hookimpl,"),
        (TryFirst, "mine.veto_order: @hookimpl(tryfirst=...) has no effect here."),
        (Inherited, "mine.veto_order: unknown argument 'ordr'. Did you mean 'order'?"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_broken_hook_is_refused_with_one_line(plugin, line):
    with pytest.raises(HookError, match=re.escape(line)) as refused:
        validation.check("mine", plugin)

    assert "\n" not in str(refused.value)


def test_hooks_are_listed_in_the_order_of_a_trading_day():
    assert validation.hooks_of(Plain) == ("engine_started", "veto_order")


def test_arguments_are_given_in_the_plugins_own_order():
    assert validation.arguments_of(Plain, "veto_order") == ("order", "rung")
    assert validation.arguments_of(Static, "veto_order") == ("order",)
