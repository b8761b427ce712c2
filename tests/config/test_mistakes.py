"""Every mistake is one line: where, what, and what now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qe_plugins.config.loader import load
from qe_plugins.errors import ConfigError

Write = Callable[..., Path]

HEAD = "name: run\ndata: {synthetic: }\nstrategies: {}\n"  # three lines, so mistakes begin on 4

MISTAKES = {
    "a misspelt section": (
        HEAD + "pluggins:\n",
        "run.yaml:4: unknown field 'pluggins'. Did you mean 'plugins'?",
    ),
    "a misspelt extends": (
        "extend: base.yaml\n" + HEAD,
        "run.yaml:1: unknown field 'extend'. Did you mean 'extends'?",
    ),
    "a misspelt key with nothing after it": (
        HEAD + "rung:\n  rsk:\n",
        "run.yaml:5: unknown field 'rsk'. Did you mean 'risk'?",
    ),
    "a misspelt key": (
        HEAD + "rung:\n  risk: 5\n  max_contract: 2\n",
        "run.yaml:6: unknown field 'max_contract'. Did you mean 'max_contracts'?",
    ),
    "a key that is like no other": (
        HEAD + "rung: {leverage: 2}\n",
        "run.yaml:4: unknown field 'leverage'. Known here: name, root, risk, currency, "
        "max_contracts, enforced.",
    ),
    "a shortened engine setting": (
        HEAD + "nautilus:\n  venue:\n    oms: NETTING\n",
        "run.yaml:6: unknown field 'oms'. Did you mean 'oms_type'?",
    ),
    "a misspelt key three levels down": (
        HEAD + "nautilus:\n  risk_engine:\n    max_order_submit_rte: 5\n",
        "run.yaml:6: unknown field 'max_order_submit_rte'. Did you mean 'max_order_submit_rate'?",
    ),
    "a missing section": (
        "name: run\nstrategies: {}\n",
        "run.yaml:1: missing required field 'data'.",
    ),
    "a missing key": (
        HEAD + "contracts:\n  ES:\n    fee: 2.15 USD\n",
        "run.yaml:5: missing required field 'contracts.ES.margin_init'.",
    ),
    "a word for a number": (
        HEAD + "rung:\n  max_contracts: many\n",
        "run.yaml:5: 'rung.max_contracts' must be a whole number, was 'many'.",
    ),
    "a broken number for a whole one": (
        HEAD + "rung:\n  max_contracts: 1.5\n",
        "run.yaml:5: 'rung.max_contracts' must be a whole number, was 1.5.",
    ),
    "a number for a word": (
        HEAD.replace("name: run", "name: 2013"),
        "run.yaml:1: 'name' must be text, was 2013. Put it in quotes.",
    ),
    "a number out of bounds": (
        HEAD + "risk:\n  veto_timeout: 0s\n",
        "run.yaml:5: 'risk.veto_timeout' must be a number > 0.0, was '0s'.",
    ),
    "a word for yes or no": (
        HEAD + "nautilus:\n  venue:\n    routing: 'on'\n",
        "run.yaml:6: 'nautilus.venue.routing' must be true or false, was 'on'.",
    ),
    "a value that is not one of the allowed": (
        HEAD + "nautilus:\n  venue:\n    oms_type: NETING\n",
        "run.yaml:6: 'nautilus.venue.oms_type' must be one of NETTING, HEDGING, was 'NETING'. "
        "Did you mean 'NETTING'?",
    ),
    "a rate in words": (
        HEAD + "nautilus: {risk_engine: {max_order_submit_rate: fast}}\n",
        "run.yaml:4: 'nautilus.risk_engine.max_order_submit_rate' must be a rate such as "
        "100/00:00:01, was 'fast'.",
    ),
    "a scalar for a mapping": (
        HEAD + "rung: 50\n",
        "run.yaml:4: 'rung' must be a mapping, was 50.",
    ),
    "a scalar for a list": (
        HEAD.replace("{synthetic: }", "{dbn: tape, instruments: ESH4}"),
        "run.yaml:2: 'data.instruments' must be a list, was 'ESH4'.",
    ),
    "a wrong item of a list": (
        HEAD.replace(" {synthetic: }", "\n  dbn:\n  - tape\n  - 7"),
        "run.yaml:5: 'data.dbn.1' must be text, was 7. Put it in quotes.",
    ),
    "a mapping for text or a list": (
        HEAD.replace("{synthetic: }", "{dbn: {folder: tape}}"),
        "run.yaml:2: 'data.dbn' must be text or a list, was a mapping.",
    ),
    "an unreadable date": (
        HEAD.replace("{synthetic: }", "{dbn: tape, start: yesterday}"),
        "run.yaml:2: 'data.start' must be a UTC time such as 2024-01-02 or 2024-01-02T14:30"
        ", was 'yesterday'.",
    ),
    "an amount in another currency": (
        HEAD + "rung:\n  risk: 50 EUR\n",
        "run.yaml:5: 'rung.risk' must be in USD, was '50 EUR'.",
    ),
    "a margin in another currency than the account's": (
        HEAD + "contracts: {FDAX: {margin_init: 9, margin_maint: 9, fee: 2 EUR}}\n",
        "run.yaml:4: 'contracts.FDAX.fee' must be in USD, was '2 EUR'.",
    ),
    "an unknown unit": (
        HEAD + "risk:\n  veto_timeout: 5 parsecs\n",
        "run.yaml:5: 'risk.veto_timeout' must be a time span such as 30s, 15m or 2h, "
        "was '5 parsecs'.",
    ),
    "two sources of data": (
        HEAD.replace("{synthetic: }", "{dbn: tape, catalog: there}"),
        "run.yaml:2: data: exactly one of dbn, catalog, synthetic must be given, "
        "was dbn and catalog.",
    ),
    "an end before the start": (
        HEAD.replace("{synthetic: }", "{dbn: tape, start: 2024-01-02, end: 2024-01-01}"),
        "run.yaml:2: data: start must be before end, "
        "was 2024-01-02 00:00:00+00:00 and 2024-01-01 00:00:00+00:00.",
    ),
    "a negative budget": (
        HEAD + "rung:\n  risk: -50 USD\n",
        "run.yaml:5: rung: risk must not be negative, was -50.",
    ),
    "a negative fee": (
        HEAD + "contracts:\n  ES: {margin_init: 2, margin_maint: 1, fee: -1}\n",
        "run.yaml:5: contracts.ES: fee must not be negative, was -1.",
    ),
    "margins the wrong way round": (
        HEAD + "contracts:\n  ES: {margin_init: 1, margin_maint: 2, fee: 1}\n",
        "run.yaml:5: contracts.ES: margin_maint must be positive and at most margin_init, "
        "was 2 and 1.",
    ),
    "no leverage at all": (
        HEAD + "nautilus:\n  venue: {default_leverage: 0}\n",
        "run.yaml:5: nautilus.venue: default_leverage must be positive, was 0.",
    ),
    "a key given twice": (
        HEAD + "name: again\n",
        "run.yaml:4: 'name' is given twice, first at run.yaml:1.",
    ),
    "a variable that is not set": (
        HEAD + "rung:\n  risk: ${NOWHERE_TO_BE_FOUND}\n",
        "run.yaml:5: environment variable NOWHERE_TO_BE_FOUND is not set. Set it, write it to "
        ".env, or give a default: ${NOWHERE_TO_BE_FOUND:-...}.",
    ),
    "a broken reference": (
        HEAD + "rung:\n  risk: ${NOWHERE\n",
        "run.yaml:5: cannot read '${NOWHERE'. Write ${NAME} or ${NAME:-default}.",
    ),
    "a base that is not there": (
        "extends: [base/es.yml]\n" + HEAD,
        "run.yaml:1: cannot extend 'base/es.yml': no such file. Did you mean 'es.yaml'?",
    ),
    "a base that is not a file name": (
        "extends: {base: es}\n" + HEAD,
        "run.yaml:1: 'extends' must be a file or a list of files, such as base/cme.yaml.",
    ),
    "a file that extends itself": (
        "extends: run.yaml\n" + HEAD,
        "run.yaml:1: 'extends' runs in a cycle: run.yaml -> run.yaml.",
    ),
    "a list where the file should be a mapping": (
        "- name\n",
        "run.yaml:1: expected a mapping such as 'name: my run'.",
    ),
    "a tab": (
        HEAD + "rung:\n\trisk: 5\n",
        "run.yaml:5: not YAML: found character '\\t' that cannot start any token.",
    ),
    "an unclosed bracket": (
        HEAD + "rung: {risk: 5\n",
        "run.yaml:5: not YAML: expected ',' or '}', but got '<stream end>'.",
    ),
    "a tag": (
        HEAD + "rung: {risk: !!python/name:os.system ''}\n",
        "run.yaml:4: tag 'tag:yaml.org,2002:python/name:os.system' is not known here.",
    ),
    "a number too large to be held": (
        HEAD + "risk: {veto_timeout: 1e999}\n",
        "run.yaml:4: '1e999' is not of type float.",
    ),
    "brackets without end": (
        HEAD + "rung: " + "[" * 1_500 + "\n",
        "run.yaml:1: nested too deeply.",
    ),
}

OVERRIDES = {
    "no equals sign": (
        "rung.risk",
        "--set rung.risk: not an override. "
        "Write --set dotted.key=value, such as --set rung.risk=25.",
    ),
    "no key": (
        "=5",
        "--set =5: not an override. Write --set dotted.key=value, such as --set rung.risk=25.",
    ),
    "an empty part": (
        "rung..risk=5",
        "--set rung..risk=5: not an override. "
        "Write --set dotted.key=value, such as --set rung.risk=25.",
    ),
    "no value": (
        "rung.risk=",
        "--set rung.risk: has no value. Write null to remove it.",
    ),
    "not YAML": (
        "rung.risk={",
        "--set rung.risk: not YAML: expected the node content, but found '<stream end>'.",
    ),
    "a misspelt key": (
        "rung.rsk=5",
        "--set rung.rsk: unknown field 'rsk'. Did you mean 'risk'?",
    ),
    "a misspelt section": (
        "rng.risk=5",
        "--set rng.risk: unknown field 'rng'. Did you mean 'rung'?",
    ),
    "an ill-typed value": (
        "data.synthetic.sessions=0",
        "--set data.synthetic.sessions: 'data.synthetic.sessions' must be a whole number >= 1, "
        "was 0.",
    ),
    "a path through a scalar": (
        "name.first=x",
        "--set name.first: 'name' must be text, was a mapping.",
    ),
}


@pytest.mark.parametrize(("text", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_at_its_place(write: Write, text: str, said: str) -> None:
    write("rung: {risk: 5}\n", "base/es.yaml")
    with pytest.raises(ConfigError) as caught:
        load(write(text))
    assert str(caught.value) == said
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("override", "said"), OVERRIDES.values(), ids=OVERRIDES.keys())
def test_a_wrong_override_names_itself(write: Write, override: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(HEAD), [override])
    assert str(caught.value) == said


def test_a_mistake_in_a_base_is_placed_in_the_base(write: Write) -> None:
    write("# small\nrung: {rsk: 5}\n", "base.yaml")
    with pytest.raises(ConfigError, match=r"^base\.yaml:2: unknown field 'rsk'"):
        load(write(f"extends: base.yaml\n{HEAD}"))


def test_a_circle_of_files_is_drawn(write: Write) -> None:
    write("extends: run.yaml\n", "base.yaml")
    with pytest.raises(ConfigError) as caught:
        load(write(f"extends: base.yaml\n{HEAD}"))
    assert str(caught.value) == (
        "base.yaml:1: 'extends' runs in a cycle: run.yaml -> base.yaml -> run.yaml."
    )


def test_a_missing_file_is_named_with_the_one_that_was_meant(write: Write) -> None:
    run = write(HEAD, "quickstart.yaml")
    with pytest.raises(ConfigError) as caught:
        load(run.with_name("quikstart.yaml"))
    assert str(caught.value) == "quikstart.yaml: no such file. Did you mean 'quickstart.yaml'?"


def test_a_folder_is_not_a_file(write: Write) -> None:
    with pytest.raises(ConfigError, match="cannot be read: is a directory"):
        load(write(HEAD).parent)


def test_bytes_that_are_not_text_are_refused(write: Write) -> None:
    run = write(HEAD)
    run.write_bytes(b"name: \xff\n")
    with pytest.raises(ConfigError, match=r"^run\.yaml: cannot be read: byte 6 is not UTF-8\.$"):
        load(run)


def test_a_secret_is_not_in_the_error_about_it(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RISK_TOKEN", "hush")
    with pytest.raises(ConfigError) as caught:
        load(write(HEAD + "rung:\n  risk: ${RISK_TOKEN}\n"))
    assert str(caught.value) == (
        "run.yaml:5: 'rung.risk' must be an amount such as 250 USD, was '${RISK_TOKEN}'."
    )
