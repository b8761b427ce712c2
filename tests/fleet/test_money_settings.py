"""Settings about money and addresses are checked like all others, with line and likely word."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime

import pytest
import yaml

from qe_plugins.errors import ConfigError
from qe_plugins.fleet.loader import load
from qe_plugins.fleet.rank_models import addresses
from qe_plugins.fleet.scan.estimate import plan
from qe_plugins.llm.pricing import price_list as prices
from qe_plugins.llm.pricing.price_list import price_list, rates
from qe_plugins.llm.providers.registry import _only_its_own, open_providers
from tests.fleet.conftest import CONFIGS
from tests.llm.asks import KEY, request


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"base_urls": {"deepsek": "http://127.0.0.1:9"}},
            "unknown provider 'deepsek'. Did you mean 'deepseek'?",
        ),
        (
            {"budgets": {"ranks": {"workers": 1}}},
            "unknown rank 'workers'. Did you mean 'worker'?",
        ),
        ({"base_urls": {"deepseek": "127.0.0.1:9"}}, "must be a URL, was '127.0.0.1:9'"),
        ({"base_urls": {"deepseek": "ftp://host/v1"}}, "must be a URL"),
        ({"base_urls": {"deepseek": "http://"}}, "must be a URL"),
        ({"base_urls": {"deepseek": "http://host:port"}}, "must be a URL"),
        ({"base_urls": {"deepseek": "http://ho st"}}, "must be a URL"),
        ({"base_urls": {"deepseek": ""}}, "must be a URL"),
        ({"budgets": {"scan": -1}}, "'budgets.scan' must not be negative, was -1"),
        ({"budgets": {"ranks": {"worker": -1}}}, "'budgets.ranks.worker' must not be negative"),
        ({"budgets": {"scna": 1}}, "Did you mean 'scan'?"),
        ({"news": "news.jsonl"}, "'mask_market: true' hides"),
    ],
)
def test_a_slip_is_an_error_with_its_line(changes, says, fleet_file):
    with pytest.raises(ConfigError) as told:
        load(fleet_file(**changes))
    assert says in str(told.value)
    assert "fleet.yaml:" in str(told.value)


def test_news_may_be_read_where_nothing_is_masked(small):
    assert small(news="news.jsonl", mask_market=False).fleet.news == "news.jsonl"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Enter a project with a price list of its own, and return the file."""
    for package in ("strategies", "agents", "configs"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    file = tmp_path / "configs" / "prices.yaml"
    file.write_text((CONFIGS.parent / "prices.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return file


def test_an_edited_price_list_is_read_again(project):
    before = price_list()
    assert price_list() is before
    text = project.read_text(encoding="utf-8")
    project.write_text(text.replace("input: 4, cached", "input: 40, cached"), encoding="utf-8")
    os.utime(project, ns=(time.time_ns(), time.time_ns()))

    assert rates(price_list(), "claude-opus-5-5", datetime.now(UTC)).input == 40
    assert rates(before, "claude-opus-5-5", datetime.now(UTC)).input == 4


def test_a_price_may_begin_within_a_day(project):
    document = yaml.safe_load(project.read_text(encoding="utf-8"))
    model = document["models"]["claude-opus-5-5"]
    model["prices"].append(model["prices"][0] | {"from": "2026-12-01T16:00", "input": 400})
    project.write_text(yaml.safe_dump(document), encoding="utf-8")
    known = price_list()
    at = {h: datetime(2026, 12, 1, h, 59 if h == 15 else 0, tzinfo=UTC) for h in (15, 16)}

    assert rates(known, "claude-opus-5-5", at[15]).input == 4
    assert rates(known, "claude-opus-5-5", at[16]).input == 400


def test_a_negative_price_is_refused(project):
    text = project.read_text(encoding="utf-8")
    project.write_text(text.replace("output: 20,", "output: -20,"), encoding="utf-8")

    with pytest.raises(ConfigError, match="output must not be negative, was -20"):
        price_list()


def test_a_plan_says_where_each_provider_is_asked_and_what_says_so(small, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9/elsewhere")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/openai")
    ranks = yaml.safe_load((CONFIGS / "team.yaml").read_text(encoding="utf-8"))["ranks"]
    fleet = small(provider="models", ranks=ranks).fleet

    assert addresses(fleet) == {
        "anthropic": ("http://127.0.0.1:9/elsewhere", "ANTHROPIC_BASE_URL"),
        "deepseek": ("https://api.deepseek.com", str(prices.FILE)),
    }
    assert plan(fleet).addresses["anthropic"][1] == "ANTHROPIC_BASE_URL"
    assert plan(fleet).in_flight > 0


def test_a_file_goes_over_the_environment(small, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9/elsewhere")
    ranks = yaml.safe_load((CONFIGS / "team.yaml").read_text(encoding="utf-8"))["ranks"]
    urls = {"anthropic": "http://127.0.0.1:9/here"}
    fleet = small(provider="models", ranks=ranks, base_urls=urls).fleet

    assert addresses(fleet)["anthropic"] == ("http://127.0.0.1:9/here", "base_urls")


@pytest.fixture
def anyio_backend() -> str:
    """Run the tests marked `anyio` on asyncio."""
    return "asyncio"


OF_OTHERS = {
    "OPENAI_ORG_ID": "org-of-others",
    "OPENAI_PROJECT_ID": "project-of-others",
    "OPENAI_BASE_URL": "http://127.0.0.1:9/others",
    "OPENAI_CUSTOM_HEADERS": "X-Others: yes",
    "ANTHROPIC_CUSTOM_HEADERS": "X-Others: yes",
    "ANTHROPIC_AUTH_TOKEN": "token-of-others",
    "HTTP_PROXY": "http://127.0.0.1:9/proxy",
    "HTTPS_PROXY": "http://127.0.0.1:9/proxy",
    "ALL_PROXY": "http://127.0.0.1:9/proxy",
}


@pytest.mark.anyio
async def test_what_is_set_for_another_provider_does_not_reach_this_one(monkeypatch):
    from tests.llm.test_openai import listening

    for name, value in OF_OTHERS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)
    async with listening() as (url, heard):
        provider = open_providers(["deepseek"], base_urls={"deepseek": url})["deepseek"]
        await provider.complete(request())
        await provider.aclose()

    [headers] = heard.headers
    assert not any("others" in value for value in headers.values())
    assert not any(name.startswith(("openai-", "x-others")) for name in headers)
    assert headers["authorization"] == f"Bearer {KEY}"
    assert os.environ["OPENAI_ORG_ID"] == "org-of-others"


def test_a_provider_keeps_its_own_variables(monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "its-own")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "X-Others: yes")
    with _only_its_own("openai"):
        assert os.environ["OPENAI_ORG_ID"] == "its-own"
        assert "ANTHROPIC_CUSTOM_HEADERS" not in os.environ
