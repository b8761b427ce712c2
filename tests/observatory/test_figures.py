"""What pages show is what the command line prints: runs, figures, vetoes, trades, compare."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from qe_plugins.cli import cli
from qe_plugins.report.figures import formatting
from qe_plugins.research import sweep_store
from qe_plugins.research.grid import Axis
from tests.observatory.conftest import Client, serving

QUICKSTART = "configs/backtest/quickstart.yaml"
FEW = ("--set", "data.synthetic.sessions=4", "--set", "data.synthetic.contracts=1")
LISTINGS = ("signals", "sizes", "vetoes", "orders", "fills", "trades", "reviews")


PAGES = (
    *("/", "/orchestration", "/foundation", "/journal", "/launchpad", "/reports", "/runs"),
    "/sweeps",
    *("/facts/all?run=all", "/run/last", "/run/last/chart.json", "/trade/last"),
    *("/compare/last/last", "/report/2024-01-03", "/flatten"),
)


class Printed:
    """What `qe ... --json` prints in one state folder."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *words: str) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("QE_HOME", str(self.home))
            done = CliRunner().invoke(cli, [*words, "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Printed:
    own = Printed(tmp_path_factory.mktemp("figures"))
    own("backtest", QUICKSTART, *FEW)
    return own


@pytest.fixture(scope="module")
def client(printed: Printed) -> Iterator[Client]:
    with serving(printed.home) as opened:
        opened.enter()
        yield opened


def text(client: Client, path: str) -> str:
    """Return the words of a page."""
    got = client.get(path)
    assert got.status == 200, got.text
    main = got.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", main)).split())


def rows(client: Client, path: str) -> int:
    return client.get(path).text.count("<tr data-row")


def test_the_figures_of_a_run_are_those_of_qe_report(client: Client, printed: Printed) -> None:
    figures = printed("report", "last")
    words = text(client, f"/run/{figures['run_id']}")

    for key, label in formatting.KEY_FIGURES[:-1]:
        assert f"{label} {formatting.with_unit(key, figures)}" in words
    for plugin in figures["plugins"]:
        counts = " ".join(f"{plugin[key]:,}" for key in ("asked", "answered", "vetoed", "failed"))
        assert f"{plugin['name']} {plugin['role']} {counts}" in words
    assert figures["fills_sha256"][:16] in words
    assert figures["run_id"] in text(client, "/runs")


@pytest.mark.parametrize("name", LISTINGS)
def test_a_listing_has_the_facts_of_qe_journal(client: Client, printed: Printed, name: str) -> None:
    facts = printed("journal", name)
    shown = rows(client, f"/facts/{name}")

    assert shown == min(len(facts), 100)
    assert shown > 0


def test_a_trade_has_the_chain_and_costs_of_the_command_line(
    client: Client, printed: Printed
) -> None:
    chain, costs = printed("journal", "trace", "last"), printed("report", "--trade", "last")
    name = chain["trade"].removeprefix("trade:")
    words = text(client, f"/trade/{name}")

    assert all(step["fact"]["id"].partition("@")[0] in words for step in chain["chain"])
    assert f"net P&L {costs['net']:,.2f} {costs['currency']}".replace("-", "−") in words
    drawn = json.loads(client.get(f"/run/last/chart.json?trade={name}").text)
    assert drawn["candles"]
    assert {line["kind"] for line in drawn["lines"]} == {"entry", "stop", "target"}
    assert [one["price"] for one in drawn["marks"] if one["kind"] == "fill"] == [
        fill["price"] for fill in costs["fills"]
    ]


def test_two_runs_are_compared_as_by_qe_compare(client: Client, printed: Printed) -> None:
    found = printed("compare", "last", "last")
    words = text(client, "/compare/last/last")

    assert "The fills are identical." in words
    for key, (figure, *_) in found["figures"].items():
        assert f"{formatting.label(key)} {formatting.format_value(key, figure)} " in words


def test_the_journal_is_counted_as_by_qe_journal_verify(client: Client, printed: Printed) -> None:
    counts = printed("journal", "verify")
    words = text(client, "/foundation")

    assert f"runs {counts['runs']:,} facts {counts['facts']:,}" in words


def test_a_report_is_framed_under_its_own_policy(client: Client) -> None:
    page, report = client.get("/run/last/report"), client.get("/run/last/report.html")

    assert "frame-src 'self'" in page.headers["content-security-policy"]
    assert report.headers["content-security-policy"].startswith("sandbox allow-scripts;")
    assert "allow-same-origin" not in report.headers["content-security-policy"]
    assert len(report.text) > 1_000_000


def test_the_server_stays_small_whatever_was_looked_at(client: Client) -> None:
    for path in PAGES:
        assert client.get(path).status == 200, path
    loaded = Path(f"/proc/{client.process.pid}/maps").read_text()

    assert psutil.Process(client.process.pid).memory_info().rss <= 120e6
    assert [name for name in ("nautilus", "pandas", "polars", "pyarrow") if name in loaded] == []


@pytest.mark.parametrize("path", ["/", "/journal", "/foundation", "/facts/orders", "/run/last"])
def test_a_page_is_small(client: Client, path: str) -> None:
    page = client.get(path).text

    assert len(page.encode()) <= 150_000
    assert page.count("<") - page.count("</") <= 1_500


def test_a_sweep_without_a_page_says_so_instead_of_an_empty_frame(
    printed: Printed, client: Client
) -> None:
    sweep = "20260102-090000-000000-sweep-es"
    spec = sweep_store.SweepSpec(
        sweep=sweep, name="es", config="run.yaml", overrides=(), axes=(Axis("a.x", (1, 2)),)
    )
    sweep_store.write_spec(printed.home / "sweeps" / sweep, spec)

    answer = client.get(f"/sweep/{sweep}")

    assert "has no page: it is running" in answer.text
    assert "<iframe" not in answer.text
