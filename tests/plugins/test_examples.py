"""Every hook is documented with its exact arguments, and its example does what it says."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import pytest

import qe_plugins as public
from qe_plugins import Plugin, Proposal, Review, Rung, Side, Size, Veto
from qe_plugins.bars import columns_of
from qe_plugins.errors import HookError
from qe_plugins.plugins import reference
from qe_plugins.plugins.validation import OBSERVERS, SPECS

HOOKS = pytest.mark.parametrize("hook", SPECS)


@pytest.fixture
def given(qe_contract, qe_bar, qe_signal, qe_order, qe_trade, qe_account, qe_history, qe_features):
    """Return whatever any hook brings; two of each where a hook brings a list."""
    return {
        "bar": qe_bar(4755, open=4750),
        "cache": SimpleNamespace(instruments=lambda: [qe_contract], positions_open=list),
        "portfolio": None,
        "account": qe_account(100_000),
        "history": qe_history(),
        "features": qe_features({}),
        "bars": columns_of("MESH24.XCME-1-MINUTE-LAST-EXTERNAL", [qe_bar(4755, open=4750)]),
        "posture": None,
        "rung": Rung(),
        "instrument": qe_contract,
        "signal": qe_signal(),
        "signals": [qe_signal(confidence=0.2), qe_signal(confidence=0.8)],
        "order": qe_order(quantity=2),
        "reason": "too many",
        "trade": qe_trade(),
        "trades": [qe_trade(), qe_trade(id="T-2", pnl="-40")],
        "session": "2024-01-03",
        "page": "mission_control",
        "before": Rung(name="5 MES"),
        "after": Rung(name="1 MES"),
    }


def example(hook: str) -> Plugin:
    """Define the example of `hook` with nothing but the public names, and make one."""
    [documented] = reference(hook)
    names = {name: getattr(public, name) for name in public.__all__}
    before = set(names)
    exec(documented.example, names)
    [defined] = (name for name in names if name not in before and name != "__builtins__")
    return names[defined]()


def answer(qe_plugins, given, hook: str):
    plugin = example(hook)
    [answer] = qe_plugins(plugin).call(hook, **given)
    assert answer.error is None
    return plugin, answer.value


@HOOKS
def test_a_hook_documents_exactly_its_arguments(hook):
    [documented] = reference(hook)

    assert list(documented.arguments) == list(inspect.signature(SPECS[hook]).parameters)


@HOOKS
def test_a_hook_says_when_where_and_what_it_means(hook):
    [documented] = reference(hook)

    assert documented.summary.endswith(".")
    assert documented.thread in {"trading.", "observers.", "main.", "its own."}
    assert all([documented.called, documented.answers, documented.exception])
    assert (documented.thread == "observers.") == (hook in OBSERVERS)


@HOOKS
def test_an_example_implements_the_hook_it_explains(hook, qe_plugins, given):
    answer(qe_plugins, given, hook)


def test_the_reference_is_in_the_order_of_a_trading_day():
    assert [hook.name for hook in reference()] == list(SPECS)
    assert list(SPECS)[:2] == ["register_features", "engine_started"]
    assert list(SPECS)[-2:] == ["register_providers", "dashboard_panels"]


def test_an_unknown_hook_is_named_with_its_neighbour():
    with pytest.raises(HookError, match=r"'veto_ordr'\. Did you mean 'veto_order'\?"):
        reference("veto_ordr")


def test_the_family_example_computes_a_number_a_bar(qe_plugins, given):
    _, [family] = answer(qe_plugins, given, "register_features")
    assert family.function(given["bars"]).shape == (1,)


def test_the_start_up_example_looks_around(qe_plugins, given):
    plugin, _ = answer(qe_plugins, given, "engine_started")
    assert plugin.contracts == ["MESH24.XCME"]


def test_the_opening_example_knows_what_was_carried_over(qe_plugins, given):
    plugin, _ = answer(qe_plugins, given, "session_opened")
    assert plugin.carried == []


def test_the_signal_example_follows_a_green_bar(qe_plugins, given):
    _, signal = answer(qe_plugins, given, "contribute_signals")
    assert (signal.side, signal.instrument_id) == (Side.LONG, "MESH24.XCME")


def test_the_arbiter_example_hears_the_loudest(qe_plugins, given):
    _, signal = answer(qe_plugins, given, "resolve_signals")
    assert signal.confidence == 0.8


def test_the_size_example_is_one(qe_plugins, given):
    assert answer(qe_plugins, given, "size_order")[1] == Size(1, "always one")


def test_the_veto_example_refuses_two(qe_plugins, given):
    assert answer(qe_plugins, given, "veto_order")[1] == Veto("one contract at a time, was 2")


def test_the_denial_example_listens(qe_plugins, given):
    plugin, value = answer(qe_plugins, given, "order_denied")
    assert (plugin.denied, value) == ([("O-1", "too many")], None)


def test_the_review_example_says_who_won(qe_plugins, given):
    assert answer(qe_plugins, given, "trade_closed")[1] == Review(trade_id="T-1", summary="won")


def test_the_panel_example_is_data(qe_plugins, given):
    panel = answer(qe_plugins, given, "dashboard_panels")[1]
    assert (panel.title, panel.markdown) == ("Rules of the desk", "- trade small")


def test_the_session_example_stands_aside_after_a_loss(qe_plugins, given):
    _, proposal = answer(qe_plugins, given, "session_closed")
    assert isinstance(proposal, Proposal)
    assert proposal.title == "stand aside after 2024-01-03"


def test_the_rung_example_keeps_what_changed(qe_plugins, given):
    plugin, value = answer(qe_plugins, given, "rung_changed")
    assert (plugin.seen, value) == ([("5 MES", "1 MES", "too many")], None)


def test_the_provider_example_registers_a_factory(qe_plugins, given):
    plugin, value = answer(qe_plugins, given, "register_providers")
    assert value == {"local": plugin.open_provider}
