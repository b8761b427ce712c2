"""`qe fleet`: what each command prints, for a person and for a program."""

from __future__ import annotations

import asyncio
import json
from io import StringIO
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from qe_plugins.cli import cli
from qe_plugins.cli.fleet.live import picture
from qe_plugins.errors import ClusterError, ConfigError, FleetError, ModelError, QeError
from qe_plugins.fleet.scan import lifecycle
from tests.fleet.conftest import CONFIGS

TEAM = CONFIGS / "team.yaml"


def said(*arguments: object) -> str:
    """Return what `qe fleet ...` printed on standard output; it must succeed."""
    done = CliRunner().invoke(cli, ["fleet", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def figures(*arguments: object) -> Any:
    return json.loads(said(*arguments, "--json"))


def refused(*arguments: object) -> QeError:
    with pytest.raises(QeError) as told:
        said(*arguments)
    assert "\n" not in str(told.value)
    return told.value


def test_a_plan_says_which_price_is_which():
    text = said("plan", CONFIGS / "full.yaml")

    assert "6,406 nodes, at most 6,406 calls" in text
    assert "by the mission's own list: 6,250 workers x 1,500 tokens at $0.14/$0.28" in text
    assert "= $1.58" in text
    assert "rules answer and a scan costs nothing" in text


def test_a_plan_as_json_has_a_line_a_rank():
    plan = figures("plan", TEAM, "--set", "ranks.worker.count=10")

    assert [line["rank"] for line in plan["lines"]] == [
        *("desk", "coordinator", "captain", "supervisor", "worker")
    ]
    assert (plan["nodes"], plan["lines"][-1]["calls"]) == (48, 40)


def test_a_scan_prints_one_object_and_its_name_goes_to_standard_error():
    result = figures("scan", TEAM)

    assert {
        *("scan_id", "nodes", "calls_paid", "calls_replayed", "failures", "coverage"),
        *("quorum", "usd", "seconds", "answer_sha256"),
    } <= set(result)
    assert (result["nodes"], result["coverage"], result["quorum"]) == (28, 1.0, True)


def test_a_scan_for_a_person_says_coverage_quorum_and_what_votes_are_worth():
    text = said("scan", TEAM)

    assert "100.0% of the workers, has its quorum" in text
    assert "offline rule" in text
    assert "effective number 2.1" in text


def test_replay_show_costs_and_bus_read_what_a_scan_left():
    result = figures("scan", TEAM)
    replayed, node = figures("replay"), figures("show", "last", "1.1.1.2")
    [cost] = figures("costs")
    [message] = [json.loads(line) for line in said("bus", "--json").splitlines()]

    assert replayed["answer_sha256"] == result["answer_sha256"]
    assert (node["rank"], node["request"]["model"]) == ("worker", "offline-rules")
    assert (cost["group"], cost["calls"]) == (result["scan_id"], 28)
    assert (message["role"], message["body"]["kind"]) == ("HUNTER", "finding")


def test_the_same_for_a_person():
    scan = figures("scan", TEAM)["scan_id"]

    assert "request" in said("show", "last", "1.1.2")
    assert "worker" in said("costs", "--by", "rank", "--scan", "last")
    assert "HUNTER     finding" in said("bus", "--scan", "last")
    assert scan in said("scans")


def test_there_is_something_to_say_before_the_first_scan():
    assert "no scan yet" in said("scans")
    assert figures("scans") == []
    assert said("bus") == ""


def test_the_provider_may_be_chosen_on_the_command_line(monkeypatch):
    for name in ("DEEPSEEK_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "")
    error = refused("scan", TEAM, "--provider", "models")

    assert isinstance(error, ModelError)
    assert "_API_KEY" in str(error)
    assert figures("scans") == []


@pytest.mark.parametrize(
    ("arguments", "kind", "says"),
    [
        (("scan", TEAM, "--set", "ranks.worker.cuont=1"), ConfigError, "Did you mean 'count'?"),
        (("scan", TEAM, "--set", "ranks.worker.count=50"), FleetError, "tasks for 200 workers"),
        (
            ("scan", TEAM, "--engine", "temporal", "--address", "127.0.0.1:1"),
            ClusterError,
            "Temporal at 127.0.0.1:1: cannot be reached: Connection refused",
        ),
        (("plan", "nowhere.yaml"), ConfigError, "no such file"),
        (("plan", TEAM, "--set", "ranks.desk.model=gpt"), ModelError, "gpt"),
        (("resume",), FleetError, "no scan yet"),
        (("replay", "x"), FleetError, "no scan yet"),
        (("show",), FleetError, "no scan yet"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_now(arguments, kind, says):
    error = refused(*arguments)

    assert isinstance(error, kind)
    assert says in str(error)
    assert error.exit_code == 2


def test_a_running_scan_shows_its_ranks_its_money_and_what_is_left(small):
    seen: list[str] = []

    async def look(runner, client) -> None:
        while True:
            console = Console(width=120, file=StringIO())
            console.print(picture(runner, client))
            seen.append(console.file.getvalue())
            await asyncio.sleep(0)

    lifecycle.run(lifecycle.begin(small()), watch=look)

    assert "in flight · $0.0000 spent · $0.0000 reserved" in seen[0]
    assert all(rank in seen[0] for rank in ("desk", "captain", "worker"))
    assert any("│ worker      │ 12 │       0 │   12 │      0 │  0 s │" in one for one in seen)
