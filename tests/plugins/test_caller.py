"""Plugins are asked in order, and nothing they raise gets out."""

from __future__ import annotations

import pytest

from qe_plugins import Plugin, Side, Signal, Size, Veto, hookimpl
from qe_plugins.plugins import PluginManager


class Objects(Plugin):
    @hookimpl
    def veto_order(self, order):
        return Veto("no")


class Agrees(Plugin):
    @hookimpl
    def veto_order(self, order):
        return None


class Stumbles(Plugin):
    @hookimpl
    def veto_order(self, order):
        raise ZeroDivisionError("by the spread")


class Answers(Plugin):
    """Answers every hook with what it was made with."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    @hookimpl
    def contribute_signals(self, bar):
        return self.value

    @hookimpl
    def veto_order(self, order):
        return self.value

    @hookimpl
    def size_order(self, signal):
        return self.value

    @hookimpl
    def order_denied(self, order):
        return self.value


LONG = Signal(instrument_id="MESH24.XCME", side=Side.LONG, reason="up")


def test_every_guardian_is_asked_even_after_a_veto():
    answers = PluginManager([("a", Objects()), ("b", Agrees()), ("c", Objects())]).call(
        "veto_order", order=None
    )

    assert [(a.plugin, a.value) for a in answers] == [
        ("a", Veto("no")),
        ("b", None),
        ("c", Veto("no")),
    ]


def test_an_exception_is_an_answer():
    [answer] = PluginManager([("a", Stumbles())]).call("veto_order", order=None)

    assert answer.value is None
    assert isinstance(answer.error, ZeroDivisionError)


def test_at_start_up_an_exception_gets_out():
    with pytest.raises(ZeroDivisionError):
        PluginManager([("a", Stumbles())]).hook.veto_order(
            order=None,
            instrument=None,
            portfolio=None,
            cache=None,
            posture=None,
            rung=None,
            account=None,
            history=None,
        )


def test_pluggys_own_call_asks_in_the_same_order():
    given = {"signal": None, "instrument": None, "portfolio": None, "rung": None}
    plugins = PluginManager([("a", Answers(Size(1, "a"))), ("b", Answers(Size(2, "b")))])

    assert plugins.hook.size_order(**given) == Size(1, "a")


def test_the_first_size_ends_the_asking():
    plugins = PluginManager(
        [("a", Answers(None)), ("b", Answers(Size(1, "b"))), ("c", Answers(None))]
    )

    assert [answer.plugin for answer in plugins.call("size_order", signal=None)] == ["a", "b"]


def test_an_exception_ends_the_asking_for_a_size():
    plugins = PluginManager([("a", Answers("two")), ("b", Answers(Size(1, "b")))])

    [answer] = plugins.call("size_order", signal=None)

    assert answer.plugin == "a"
    assert isinstance(answer.error, TypeError)


@pytest.mark.parametrize("value", [True, "no", 0, Size(1, "one"), [Veto("no")]])
def test_a_veto_of_the_wrong_kind_is_an_error(value):
    [answer] = PluginManager([("a", Answers(value))]).call("veto_order", order=None)

    assert "veto_order must return Veto or None, was" in str(answer.error)


def test_an_observers_answer_is_an_error_where_none_is_expected():
    [answer] = PluginManager([("a", Answers("noted"))]).call("order_denied", order=None)

    assert "order_denied must return None, was 'noted'" in str(answer.error)


@pytest.mark.parametrize(
    ("value", "heard"),
    [(LONG, LONG), ([LONG, LONG], (LONG, LONG)), ([], None), (None, None), (iter([LONG]), (LONG,))],
)
def test_a_hunter_may_give_one_signal_or_several(value, heard):
    [answer] = PluginManager([("a", Answers(value))]).call("contribute_signals", bar=None)

    assert (answer.value, answer.error) == (heard, None)


@pytest.mark.parametrize("value", ["LONG", [LONG, None], 3])
def test_anything_else_is_no_signal(value):
    [answer] = PluginManager([("a", Answers(value))]).call("contribute_signals", bar=None)

    assert answer.value is None
    assert isinstance(answer.error, TypeError)


def test_a_hook_that_nobody_implements_is_not_bound():
    plugins = PluginManager([("a", Agrees())])

    assert plugins.caller("size_order") is None
    assert plugins.call("size_order") == []


def test_an_argument_that_was_not_given_is_the_callers_mistake():
    with pytest.raises(TypeError, match="veto_order needs 'order', which a names"):
        PluginManager([("a", Agrees())]).call("veto_order")


def test_an_interrupt_gets_out():
    class Interrupted(Plugin):
        @hookimpl
        def veto_order(self, order):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        PluginManager([("a", Interrupted())]).call("veto_order", order=None)


def test_every_answer_is_counted():
    plugins = PluginManager([("a", Objects()), ("b", Stumbles()), ("c", Agrees())])

    plugins.call("veto_order", order=None)
    plugins.call("veto_order", order=None)

    counted = [(s.name, s.asked, s.answered, s.vetoed, s.failed) for s in plugins.stats()]
    assert counted == [("a", 2, 2, 2, 0), ("b", 2, 0, 0, 2), ("c", 2, 0, 0, 0)]
    assert all(s.seconds > 0 for s in plugins.stats())


def test_time_on_the_observers_thread_is_not_the_trading_threads():
    plugins = PluginManager([("a", Answers(None))])

    plugins.call("order_denied", order=None)

    assert [(s.asked, s.seconds) for s in plugins.stats()] == [(1, 0.0)]
