"""What is written where goes over what: base files, the file, the environment, the command line."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from qe_plugins.config.loader import load

Write = Callable[..., Path]

RUN = "name: run\ndata: {synthetic: }\nstrategies: {}\n"


def test_a_file_says_only_what_it_changes(write: Write) -> None:
    write("rung: {risk: 25 USD, max_contracts: 2}\n", "base/small.yaml")
    rung = load(write(f"extends: base/small.yaml\n{RUN}rung: {{risk: 30}}\n")).config.rung
    assert (rung.risk, rung.max_contracts) == (30, 2)


def test_a_later_base_goes_over_an_earlier_one(write: Write) -> None:
    write("rung: {risk: 10, max_contracts: 2}\n", "one.yaml")
    write("rung: {risk: 20}\n", "two.yaml")
    rung = load(write(f"extends: [one.yaml, two.yaml]\n{RUN}")).config.rung
    assert (rung.risk, rung.max_contracts) == (20, 2)


def test_a_base_is_relative_to_the_file_that_names_it(write: Write) -> None:
    write("rung: {risk: 10}\n", "base/deep/far.yaml")
    write("extends: deep/far.yaml\n", "base/near.yaml")
    run = write(f"extends: ../base/near.yaml\n{RUN}", "backtest/run.yaml")
    assert load(run).config.rung.risk == 10


def test_the_same_base_may_be_reached_twice(write: Write) -> None:
    write("rung: {risk: 10}\n", "root.yaml")
    write("extends: root.yaml\n", "left.yaml")
    write("extends: root.yaml\n", "right.yaml")
    assert load(write(f"extends: [left.yaml, right.yaml]\n{RUN}")).config.rung.risk == 10


def test_an_inherited_value_knows_the_file_it_came_from(write: Write) -> None:
    write("# small\nrung:\n  risk: 10\n", "base.yaml")
    assert load(write(f"extends: base.yaml\n{RUN}")).where("rung", "risk") == "base.yaml:3"


def test_a_null_takes_an_inherited_plugin_away(write: Write) -> None:
    write("plugins: {one: , two: {size: 1}}\n", "base.yaml")
    run = load(write(f"extends: base.yaml\n{RUN}plugins: {{two: null, three: }}\n"))
    assert run.config.plugins == {"one": {}, "three": {}}


def test_a_null_section_is_as_by_default(write: Write) -> None:
    write("rung: {risk: 10}\n", "base.yaml")
    assert load(write(f"extends: base.yaml\n{RUN}rung: null\n")).config.rung.risk == 50


def test_naming_one_source_of_data_removes_the_other(write: Write) -> None:
    data = load(write(RUN), ["data.dbn=tapes/es"]).config.data
    assert (data.dbn, data.synthetic) == ("tapes/es", None)


def test_a_list_replaces_a_list(write: Write) -> None:
    write("data: {instruments: [ESH4.XCME, ESM4.XCME]}\n", "base.yaml")
    run = f"extends: base.yaml\n{RUN}"
    assert load(write(run), ["data.instruments=[ESU4.XCME]"]).config.data.instruments == [
        "ESU4.XCME"
    ]


def test_the_last_override_wins(write: Write) -> None:
    assert load(write(RUN), ["rung.risk=10", "rung.risk=20 USD"]).config.rung.risk == 20


def test_an_override_may_be_a_mapping_and_its_key_may_hold_dots(write: Write) -> None:
    key = 'nautilus.risk_engine.max_notional_per_order."ESH4.XCME"'
    config = load(write(RUN), [f"{key}=500_000 USD", "rung={risk: 5}"]).config
    assert config.nautilus.risk_engine.max_notional_per_order == {"ESH4.XCME": Decimal(500_000)}
    assert config.rung.risk == 5


def test_the_environment_fills_a_value_in(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISK", "35")
    assert load(write(f"{RUN}rung: {{risk: '${{RISK}} USD'}}\n")).config.rung.risk == 35


def test_an_unquoted_reference_may_become_a_number(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOST", "3")
    assert load(write(RUN), ["rung.max_contracts=${MOST}"]).config.rung.max_contracts == 3


def test_a_default_stands_in_for_what_is_not_set(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    assert load(write(RUN), ["rung.max_contracts=${NOWHERE:-4}"]).config.rung.max_contracts == 4


def test_env_files_are_read_and_the_environment_goes_over_them(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("RISK=12\nMOST=2\n", ".env")
    monkeypatch.delenv("RISK", raising=False)
    monkeypatch.setenv("MOST", "3")
    run = load(write(RUN + "rung:\n  risk: ${RISK}\n  max_contracts: ${MOST}\n"))
    assert (run.config.rung.risk, run.config.rung.max_contracts) == (12, 3)


def test_a_value_that_was_replaced_needs_no_environment(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    run = write(RUN + "rung:\n  risk: ${NOWHERE}\n")
    assert load(run, ["rung.risk=10"]).config.rung.risk == 10


def test_a_secret_is_used_and_never_shown(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDOR_API_KEY", "hush")
    loaded = load(write(RUN + "plugins:\n  feed:\n    keys: ['${VENDOR_API_KEY}']\n"))
    assert loaded.plain("plugins", "feed", "keys") == ["hush"]
    assert loaded.resolved["plugins"]["feed"] == {"keys": ["${VENDOR_API_KEY}"]}
    assert "hush" not in str(loaded.error("wrong.", "plugins", "feed"))
