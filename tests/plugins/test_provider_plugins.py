"""A plugin of the project registers a provider of models, and a client calls it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from qe_plugins.errors import ModelError, PluginError
from qe_plugins.llm.client.client import Client
from qe_plugins.llm.ledger import Ledger
from qe_plugins.llm.pricing.price_list import (
    FILE,
    Model,
    Price,
    PriceList,
    ProviderTerms,
    price_list,
)
from qe_plugins.llm.providers.registry import open_providers
from tests.llm.asks import Finding, request
from tests.plugins.conftest import Site

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.anyio

PLUGIN = """
from qe_plugins import Plugin, hookimpl
from qe_plugins.llm.providers.base import Completion
from qe_plugins.llm.requests import Usage


class Echo:
    def __init__(self, settings):
        self.settings = settings

    async def complete(self, request, feedback=""):
        text = '{"score": 0.5, "side": "LONG", "reason": "%s"}' % self.settings.name
        return Completion(text, Usage(input=10, output=5), request.model)

    async def aclose(self):
        pass


class EchoModels(Plugin):
    @hookimpl
    def register_providers(self):
        return {"echo": Echo}
"""


@pytest.fixture
def anyio_backend() -> str:
    """Run the tests marked `anyio` on asyncio."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _price_list(site: Site) -> None:
    site.write("configs/prices.yaml", (ROOT / FILE).read_text())


def prices(**terms: Any) -> PriceList:
    """Return the price list with a provider `mine` and its model `mine-1`, USD 2 a million."""
    known = price_list()
    since = datetime(2026, 1, 1, tzinfo=UTC)
    two = Decimal(2)
    price = Price(since=since, input=two, cached=two, output=two, source="a test")
    mine = ProviderTerms(**{"sdk": "echo", "concurrency": 2} | terms)
    return msgspec.structs.replace(
        known,
        providers=known.providers | {"mine": mine},
        models=known.models | {"mine-1": Model(provider="mine", prices=[price])},
    )


async def test_a_provider_from_the_agents_folder_is_called(site: Site, tmp_path: Path) -> None:
    site.agent("models_echo", PLUGIN)
    known = prices(free=True)
    opened = open_providers(["mine"], prices=known)

    async with Client("s", opened, prices=known, ledger=Ledger(tmp_path / "l.sqlite")) as client:
        answer = await client.ask(request(provider="mine", model="mine-1"), Finding)
        assert answer.typed(Finding) == Finding(0.5, "LONG", "mine")
        assert (answer.usd, client.stats.sent, client.stats.paid) == (0, 1, 0)


async def test_a_provider_that_is_not_free_has_a_key_an_address_and_a_price(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.agent("models_echo", PLUGIN)
    monkeypatch.setenv("MINE_API_KEY", "a-key-of-a-test")
    known = prices(base_url="http://127.0.0.1:9/v1")
    opened = open_providers(["mine"], prices=known)

    settings = opened["mine"].settings  # type: ignore[attr-defined]
    assert (settings.key, settings.base_url) == ("a-key-of-a-test", "http://127.0.0.1:9/v1")
    assert "a-key-of-a-test" not in repr(settings)
    async with Client("s", opened, prices=known, ledger=Ledger(tmp_path / "l.sqlite")) as client:
        answer = await client.ask(request(provider="mine", model="mine-1"), Finding)
        assert answer.usd > 0


def test_a_provider_that_is_not_free_needs_its_key(site: Site) -> None:
    site.agent("models_echo", PLUGIN)

    with pytest.raises(ModelError, match=r"^MINE_API_KEY: is not set"):
        open_providers(["mine"], prices=prices(base_url="http://127.0.0.1:9/v1"))


def test_an_unknown_sdk_is_named_with_those_there_are(site: Site) -> None:
    with pytest.raises(
        ModelError, match=r"provider mine: no `sdk` is called 'echo'\. Known: anthropic, offline"
    ):
        open_providers(["mine"], prices=prices(free=True))


def test_two_plugins_may_not_register_one_name(site: Site) -> None:
    site.agent("models_echo", PLUGIN)
    site.agent("models_other", PLUGIN)

    with pytest.raises(PluginError, match=r"models_other: provider 'echo' is also registered by"):
        open_providers(["mine"], prices=prices(free=True))


def test_a_plugin_that_cannot_be_imported_is_named_with_its_reason(site: Site) -> None:
    site.agent("models_echo", f"import not_there\n{PLUGIN}")

    with pytest.raises(PluginError, match=r"models_echo: cannot be used: .*not_there"):
        open_providers(["mine"], prices=prices(free=True))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('{"echo": Echo}', "1 / 0", "plugin models_echo: register_providers failed: ZeroDiv"),
        ('{"echo": Echo}', "5", "register_providers must return Mapping or None, was 5"),
        ('{"echo": Echo}', '{"echo": Echo, "openai": Echo}', "'openai' is built in"),
        ('{"echo": Echo}', '{"echo": lambda _: 5}', "returned int, which has no `complete`"),
    ],
)
def test_a_plugin_that_registers_nonsense_is_named(
    site: Site, old: str, new: str, message: str
) -> None:
    site.agent("models_echo", PLUGIN.replace(old, new))

    with pytest.raises(PluginError, match=message):
        open_providers(["mine"], prices=prices(free=True))
