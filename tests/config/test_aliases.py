"""Renamed keys: the old name works for one release and warns at its line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from qe_plugins.config import aliases
from qe_plugins.config.json_schema import editor_schema
from qe_plugins.config.loader import load
from qe_plugins.config.yaml_reader import dump
from qe_plugins.data.databento.request import load_request
from qe_plugins.errors import ConfigError
from qe_plugins.fleet.loader import load as load_fleet

Write = Callable[..., Path]

ROOT = Path(__file__).resolve().parents[2]
RUN = "name: run\ndata: {synthetic: }\nstrategies: {}\n"
REQUEST = "start: 2024-01-02\nend: 2024-01-03\nschemas: [trades]\nroots: {ES: }\n"
OLD = {
    "gate:\n  timeout: 2s\n": ("gate.timeout", "risk.veto_timeout", 2.0),
    "session:\n  closed: refuse\n": ("session.closed", "session.when_closed", "refuse"),
    "slippage:\n  limits: touched\n": ("slippage.limits", "slippage.limit_fills", "on_touch"),
    "slippage:\n  limits: through\n": (
        *("slippage.limits", "slippage.limit_fills", "on_trade_through"),
    ),
}
FLEET = {
    "ranks:\n  supervisor:\n    asks: never\n": (
        *("ranks.supervisor.asks", "ranks.supervisor.ask_model", "never"),
    ),
    "validity: 2h\n": ("validity", "answer_ttl", 7_200.0),
    "correlation: 10%\n": ("correlation", "assumed_correlation", 0.1),
    "masked: false\n": ("masked", "mask_market", False),
    "data:\n  chunk: 1_000\n": ("data.chunk", "data.chunk_size", 1_000),
}


@pytest.fixture(autouse=True)
def _no_warning_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aliases, "_warned", set())


def at(found: Any, keys: str) -> Any:
    """Return the attribute of a struct at dotted keys."""
    for key in keys.split("."):
        found = getattr(found, key)
    return found


def lines_of(text: str) -> int:
    """Return the number of the last line."""
    return len(text.splitlines())


@pytest.mark.parametrize("text", OLD)
def test_an_old_key_of_a_run_is_read_with_a_warning_at_its_line(
    write: Write, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    old, new, value = OLD[text]

    loaded = load(write(RUN + text))

    assert at(loaded.config, new) == value
    assert loaded.where(*new.split(".")) == f"run.yaml:{lines_of(RUN + text)}"
    assert capsys.readouterr().err == (
        f"warning: run.yaml:{lines_of(RUN + text)}: '{old}' is now '{new}'; "
        "the old name works for one more release.\n"
    )


@pytest.mark.parametrize("text", FLEET)
def test_an_old_key_of_a_fleet_is_read_with_a_warning_at_its_line(
    write: Write, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    old, new, value = FLEET[text]
    base = f"extends: {ROOT / 'configs/fleet/team.yaml'}\n"

    fleet = load_fleet(write(base + text)).fleet

    assert at(fleet, new) == value
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: run.yaml:{lines_of(base + text)}: '{old}' is now '{new}'")


def test_an_old_key_of_a_download_request_is_read(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    request = load_request(write(f"{REQUEST}databento: {{batch_above: 7}}\n"))

    assert request.databento.batch_threshold == 7
    assert "run.yaml:5: 'databento.batch_above' is now" in capsys.readouterr().err


def test_an_old_key_is_read_on_the_command_line(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = load(write(RUN), ["gate.timeout=3s", "data.chunk=5_000"])

    assert (loaded.config.risk.veto_timeout, loaded.config.data.chunk_size) == (3.0, 5_000)
    assert "warning: --set gate.timeout: 'gate.timeout' is now" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("base", "own"),
    [
        ("gate: {timeout: 1s}", "risk: {veto_timeout: 2s}"),
        ("risk: {veto_timeout: 1s}", "gate: {timeout: 2s}"),
    ],
)
def test_old_and_new_keys_override_each_other_between_files(
    write: Write, base: str, own: str
) -> None:
    write(f"{base}\n", "base.yaml")

    loaded = load(write(f"extends: base.yaml\n{RUN}{own}\n"))

    assert loaded.config.risk.veto_timeout == 2.0
    assert (
        load(write(f"extends: base.yaml\n{RUN}"), ["gate.timeout=4s"]).config.risk.veto_timeout == 4
    )


def test_a_key_under_both_names_in_one_file_is_an_error(write: Write) -> None:
    file = write(f"{RUN}gate: {{timeout: 1s}}\nrisk:\n  veto_timeout: 2s\n")

    with pytest.raises(ConfigError) as caught:
        load(file)

    assert str(caught.value) == (
        "run.yaml:4: 'gate.timeout' is the old name of 'risk.veto_timeout', "
        "which is written at run.yaml:6. Remove 'gate.timeout'."
    )


@pytest.mark.parametrize("gate", ["gate:\n", "gate: {}\n", "gate: null\n"])
def test_an_old_section_without_keys_is_as_by_default(write: Write, gate: str) -> None:
    assert load(write(RUN + gate)).config.risk.veto_timeout == 1.0


def test_an_old_section_that_is_no_mapping_is_reported_by_its_new_name(write: Write) -> None:
    with pytest.raises(ConfigError, match=r"run\.yaml:4: 'risk' must be a mapping, was 5\."):
        load(write(f"{RUN}gate: 5\n"))


def test_an_unknown_key_of_an_old_section_is_an_error(write: Write) -> None:
    with pytest.raises(ConfigError, match="unknown field 'gate'"):
        load(write(f"{RUN}gate: {{timeout: 1s, tiemout: 2s}}\n"))


def test_an_old_value_may_come_from_a_variable(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILLS", "through")

    loaded = load(write(f"{RUN}slippage: {{limits: '${{FILLS}}'}}\n"))

    assert loaded.config.slippage.limit_fills == "on_trade_through"


def test_a_warning_is_written_once_a_place(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(f"{RUN}gate: {{timeout: 1s}}\n")

    load(file)
    load(file)

    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_resolved_configuration_has_the_new_keys(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    resolved = load(write(f"{RUN}gate: {{timeout: 2s}}\n")).resolved
    capsys.readouterr()

    assert resolved["risk"]["veto_timeout"] == 2
    assert "gate" not in resolved
    assert load(write(dump(resolved), "again.yaml")).resolved == resolved
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("text", [*OLD, "data: {chunk: 1000}\n"])
def test_the_editor_schema_takes_old_keys_as_deprecated(text: str) -> None:
    schema = editor_schema()

    jsonschema.validate(yaml.safe_load(text), schema)
    old = schema["$defs"]["Config"]["properties"]["gate"]["properties"]["timeout"]
    assert old["deprecated"] is True


def test_no_shipped_configuration_has_an_old_key(capsys: pytest.CaptureFixture[str]) -> None:
    for file in sorted((ROOT / "configs/backtest").glob("*.yaml")):
        load(file)
    for file in sorted((ROOT / "configs/fleet").glob("*.yaml")):
        load_fleet(file)

    assert capsys.readouterr().err == ""
