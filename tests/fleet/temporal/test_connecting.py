"""The way to a cluster: what a user is told where there is none, and which variables lead there."""

from __future__ import annotations

import importlib.util
import socket
import time
from io import StringIO

import pytest
from rich.console import Console

from qe_plugins.cli.cluster import options
from qe_plugins.cli.fleet import temporal
from qe_plugins.cluster import connection
from qe_plugins.cluster.connection import Cluster
from qe_plugins.errors import ClusterError
from qe_plugins.fleet.scan import lifecycle, store
from qe_plugins.fleet.temporal import submit
from qe_plugins.fleet.temporal.payloads import RankCount
from qe_plugins.fleet.tree import Level
from tests.command import qe
from tests.fleet.conftest import CONFIGS

TEAM = CONFIGS / "team.yaml"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    for name in ("ADDRESS", "NAMESPACE", "API_KEY", "TLS"):
        monkeypatch.delenv(f"TEMPORAL_{name}", raising=False)


def refused(**cluster: str) -> str:
    with pytest.raises(ClusterError) as told:
        connection.refuse_unreachable(Cluster(queue="q", **cluster))
    assert "\n" not in str(told.value)
    return str(told.value)


@pytest.mark.parametrize("command", [["worker"], ["fleet", "scan", TEAM, "--engine", "temporal"]])
def test_without_a_server_a_command_ends_with_one_line_and_writes_nothing(command):
    done = qe(*command, TEMPORAL_ADDRESS="127.0.0.1:1")

    assert done.returncode == 2
    assert done.stderr.startswith("error: Temporal at 127.0.0.1:1: cannot be reached: Connection")
    assert done.stderr.count("\n") == 1
    assert store.scans() == []


def test_a_port_that_says_nothing_is_given_up_soon(monkeypatch):
    monkeypatch.setattr(connection, "TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        said = refused(address=f"127.0.0.1:{silent.getsockname()[1]}")

    assert "did not answer within" in said
    assert time.monotonic() - began < 60


def test_an_address_that_is_none_is_said_to_be():
    assert "cannot be reached" in refused(address="not an address")


def test_a_namespace_that_is_not_there_is_named(cluster):
    said = refused(address=cluster.address, namespace="elsewhere")

    assert "has no namespace 'elsewhere'" in said


def test_options_go_over_the_environment_and_that_over_the_default(monkeypatch):
    assert connection.settings(Cluster(queue="q")) == {
        "target_host": "127.0.0.1:7233",
        "namespace": "default",
    }
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "desk")
    monkeypatch.setenv("TEMPORAL_API_KEY", "test-key")
    known = connection.settings(Cluster(queue="q", address="127.0.0.1:2"))

    assert (known["target_host"], known["namespace"]) == ("127.0.0.1:2", "desk")
    assert (known["api_key"], known["tls"]) == ("test-key", True)


def test_a_variable_that_is_empty_says_nothing(monkeypatch):
    monkeypatch.setenv("TEMPORAL_API_KEY", "")

    assert "api_key" not in connection.settings(Cluster(queue="q"))


def test_a_certificate_that_cannot_be_read_is_said_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("TEMPORAL_TLS_CLIENT_CERT_PATH", str(tmp_path / "none.pem"))
    monkeypatch.setenv("TEMPORAL_TLS_CLIENT_KEY_PATH", str(tmp_path / "none.key"))

    assert "none.pem" in refused(address="127.0.0.1:1")


def test_without_the_extra_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(ClusterError, match="uv sync --extra temporal"):
        options.refuse_missing_extra()


def test_a_running_scan_shows_its_ranks_and_what_it_spent(small):
    begun = lifecycle.begin(small(), "temporal")
    counts = {level: RankCount(open=1, done=2) for level in Level}
    console = Console(width=120, file=StringIO())
    console.print(temporal.picture(begun, counts, 3.0))
    shown = console.file.getvalue()

    assert "3 s · 0 calls · $0.0000 spent" in shown
    assert "│ worker      │ 12 │       1 │    2 │      0 │ 15 s │" in shown


@pytest.mark.long
def test_a_scan_that_nobody_works_on_says_what_to_start_and_goes_on_when_it_is(cluster, small):
    said = []

    def say(text: str) -> None:
        said.append(text)
        cluster.worker()

    begun = lifecycle.begin(small(), "temporal")
    result = submit.run(begun, cluster.meant, say=say)

    assert result.coverage == 1.0
    assert said == ["no worker on queue quant-engine yet: start one with `qe worker`"]
