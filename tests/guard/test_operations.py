"""The files of `configs/live/ops/`: systemd accepts the units, and the rest says what is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

from qe_plugins.cli import COMMANDS
from qe_plugins.config.loader import load
from qe_plugins.guard.checks import OF_THE_BROKER
from tests.command import ROOT

OPS = ROOT / "configs" / "live" / "ops"
UNITS = sorted(OPS.glob("*.service"))
PAGE = (ROOT / "configs" / "live" / "README.md").read_text(encoding="utf-8")


def test_there_is_a_unit_for_each_process():
    assert [one.name.partition("@")[0].removesuffix(".service") for one in UNITS] == [
        *("qe-fleet", "qe-node", "qe-observatory", "qe-watch")
    ]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
def test_systemd_accepts_the_units(tmp_path):
    program = tmp_path / "quant-engine" / ".venv" / "bin" / "qe"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copies = []
    for unit in UNITS:
        copy = tmp_path / unit.name.replace("@.", "@mes_paper.")
        copy.write_text(unit.read_text())
        copies.append(copy)

    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", *copies],
        env=os.environ | {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_compose_file_has_every_process_and_opens_no_port_to_others():
    services = yaml.safe_load((OPS / "compose.yaml").read_text())["services"]

    assert {"gateway", "node", "watch", "observatory"} <= set(services)
    ports = [port for one in services.values() for port in one.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_the_image_gets_every_file_that_it_is_built_of():
    dockerfile = (OPS / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)
    allowed = re.findall(r"^!(.+)$", (OPS / "Dockerfile.dockerignore").read_text(), re.MULTILINE)

    sources = {source.split("/")[0] for one in copied for source in one.split()}
    assert sources == set(allowed)
    assert all((ROOT / source).exists() for source in sources)


@pytest.mark.long
@pytest.mark.skipif(
    subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0
    if shutil.which("docker")
    else True,
    reason="needs a Docker daemon",
)
def test_a_container_backtests():
    build = ("docker", "build", "-q", "-f", str(OPS / "Dockerfile"), str(ROOT))
    image = subprocess.run(build, capture_output=True, text=True, check=True).stdout.strip()
    backtest = ("qe", "backtest", "configs/backtest/quickstart.yaml", "--json")

    done = subprocess.run(
        ["docker", "run", "--rm", "--network", "none", image, *backtest],
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout)["fills_sha256"].startswith("62d56cba0edf2e96")


@pytest.mark.parametrize("file", [*UNITS, OPS / "compose.yaml"], ids=lambda one: one.name)
def test_every_command_in_them_exists(file):
    named = re.findall(r"bin/qe ([a-z]+)", file.read_text())

    assert named
    assert set(named) <= set(COMMANDS)


def test_the_example_of_the_environment_has_no_secret():
    lines = (OPS / "qe.env.example").read_text().splitlines()
    given = dict(one.split("=", 1) for one in lines if one and not one.startswith("#"))

    assert given == {
        "QE_HOME": "/srv/quant-engine",
        "QE_ALARM_NOTIFY": "",
        "TWS_USERID": "",
        "TRADING_MODE": "paper",
    }


def test_the_watched_example_loads_and_demands_a_watcher(monkeypatch):
    monkeypatch.setenv("QE_ALARM_NOTIFY", "tgram://fake-token-1234567/chat")
    loaded = load(ROOT / "configs" / "live" / "mes_watched.yaml")

    assert loaded.config.watch.required
    assert "--wait" in loaded.config.watch.restart.command
    assert loaded.config.alarms.notify == ["tgram://fake-token-1234567/chat"]
    assert "fake-token" not in str(loaded.resolved)


def test_the_page_says_what_to_do_about_every_alarm_of_the_broker():
    missing = [
        kind for kind in OF_THE_BROKER - {"not_named"} if f"`{kind.replace('_', ' ')}`" not in PAGE
    ]

    assert missing == []
