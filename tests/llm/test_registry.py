"""Keys come from the environment or `.env`, and no message shows one."""

from __future__ import annotations

from pathlib import Path

import pytest

from qe_plugins.errors import ModelError
from qe_plugins.llm.pricing.price_list import price_list
from qe_plugins.llm.providers.anthropic import Anthropic
from qe_plugins.llm.providers.offline import Offline
from qe_plugins.llm.providers.openai import OpenAI
from qe_plugins.llm.providers.registry import open_providers
from tests.llm.asks import KEY

pytestmark = pytest.mark.anyio


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Enter a project of its own, without any key."""
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "__init__.py").touch()
    for name in ("DEEPSEEK_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    prices = price_list()
    monkeypatch.setattr("qe_plugins.llm.providers.registry.price_list", lambda: prices)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_offline_provider_needs_no_key(project):
    assert isinstance(open_providers(["offline"])["offline"], Offline)


def test_a_missing_key_is_named_with_the_way_out(project):
    with pytest.raises(
        ModelError, match=r"DEEPSEEK_API_KEY: is not set\. Put .* provider: offline"
    ):
        open_providers(["deepseek"])


async def test_a_key_is_read_from_the_environment_or_the_env_file(project, monkeypatch):
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)
    (project / ".env").write_text(f"ANTHROPIC_API_KEY={KEY}\n")
    opened = open_providers(["deepseek", "anthropic"], base_urls={"deepseek": "http://127.0.0.1:9"})

    assert isinstance(opened["deepseek"], OpenAI)
    assert isinstance(opened["anthropic"], Anthropic)
    for provider in opened.values():
        assert KEY not in repr(provider)
        await provider.aclose()


def test_an_unknown_provider_is_named_with_the_likely_one(project):
    with pytest.raises(ModelError, match="Did you mean 'deepseek'"):
        open_providers(["deepsek"])
