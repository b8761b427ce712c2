"""Names of the last release that plugin authors may still use, each with a DeprecationWarning."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from qe_plugins import Plugin, Veto, hookimpl
from qe_plugins.plugins import PluginManager


class Refuses(Plugin):
    """A guardian that vetoes every order."""

    @hookimpl
    def veto_order(self) -> Veto:
        """Veto."""
        return Veto("no")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("stop", "stop_trigger"),
        ("grows", "increase_by"),
        ("working", "worst_case_position"),
    ],
)
def test_an_order_request_has_its_old_fields(qe_order: Any, old: str, new: str) -> None:
    order = qe_order(**{old: 3})

    with pytest.warns(DeprecationWarning, match=f"use `{new}`"):
        assert getattr(order, old) == getattr(order, new) == 3


@pytest.mark.filterwarnings("default::DeprecationWarning")
def test_an_account_has_its_old_methods(qe_account: Any) -> None:
    account = qe_account(100)

    with pytest.warns(DeprecationWarning, match=r"use `equity\(\)`"):
        assert account.worth() == account.equity() == Decimal("100.00")
    with pytest.warns(DeprecationWarning, match=r"use `equity_at_least\(\)`"):
        assert account.is_worth(Decimal(100))


def test_a_plugin_manager_is_asked_as_before() -> None:
    with pytest.warns(DeprecationWarning, match=r"use `call\(\)`"):
        [result] = PluginManager([("a", Refuses())]).ask("veto_order")

    assert result.value == Veto("no")
