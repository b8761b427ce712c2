"""All tools, walked over: what each may change, what it takes, and what none of them can do."""

from __future__ import annotations

import ast
import inspect
import re
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from qe_plugins.errors import QeError
from qe_plugins.fleet.tools import TOOLS as OF_SESSIONS
from qe_plugins.tool_server import queries, role_tools, scans
from qe_plugins.tool_server.every_tool import TOOLS
from qe_plugins.tool_server.toolset import Effect, ToolScope, answer_of

HANDS = (
    *("qe_plugins.engine", "qe_plugins.ib_client", "qe_plugins.guard", "qe_plugins.cli"),
    *("qe_plugins.ladder", "qe_plugins.desk", "nautilus_trader", "ib_async", "subprocess"),
)
"""What can send, size or widen an order, promote, or start a process."""

LOOSENING = re.compile(
    r"\b(order|buy|sell|size|widen|resume|promote|flatten|close|cancel|modify|loosen|submit)", re.I
)
SOURCES = sorted(Path(inspect.getfile(queries)).parent.glob("*.py"))


@pytest.mark.parametrize("tool", TOOLS, ids=lambda one: one.name)
def test_no_tool_is_named_for_or_takes_what_trades_or_loosens(tool):
    fields = " ".join(tool.arguments.__struct_fields__)

    assert not LOOSENING.search(tool.name.replace("_", " "))
    assert not LOOSENING.search(fields.replace("_", " "))
    assert tool.schema["additionalProperties"] is False


@pytest.mark.parametrize("file", SOURCES, ids=lambda one: one.name)
def test_no_module_of_the_tools_imports_what_could(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [
        one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names
    ]

    assert [name for name in names if name.startswith(HANDS)] == []


def test_only_one_tool_spends_and_only_one_changes_limits():
    effects = {tool.name: tool.effect for tool in TOOLS if tool.effect is not Effect.READS}

    assert effects == {"run_scan": Effect.SPENDS, "tighten_posture": Effect.TIGHTENS}


def test_no_module_but_those_of_the_two_writes_a_state_file_or_the_latch():
    writing = re.compile(r"\.(set|resume|publish|write\w*|record)\(")
    found = {file.name for file in SOURCES if writing.search(file.read_text(encoding="utf-8"))}

    assert found <= {"postures.py", "scans.py"}
    assert "HaltLatch.at_home().read()" in inspect.getsource(queries.status)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda one: one.name)
def test_an_argument_that_is_not_in_the_schema_is_refused(tool):
    with pytest.raises(QeError, match=rf"^{tool.name}: "):
        answer_of(tool, {"loosen": True}, ToolScope())


@pytest.mark.parametrize("tool", [one for one in TOOLS if one.effect is Effect.READS])
def test_reading_creates_no_journal_and_leaves_no_state(tool, tmp_path):
    given = {"config": "team.yaml"} if tool.name in ("price_scan", "lessons") else {}
    with suppress(QeError):  # without a journal and a scan most have nothing to read
        answer_of(tool, given, ToolScope())

    assert not (tmp_path / "home" / "journal.sqlite").exists()


def test_a_scan_above_what_is_left_of_the_day_is_refused_before_any_call(monkeypatch):
    loaded = scans.fleet("team.yaml", "provider=models")
    monkeypatch.setattr(scans, "fleet", lambda config, *overrides: loaded)
    order = scans.ScanOrder(config="team.yaml", max_cost=1)

    with pytest.raises(QeError, match=r"\$0 is allowed: \$1 asked for, \$0 left of the day's \$0"):
        scans.run_scan(order, ToolScope())


def test_the_tools_of_sessions_are_served_from_their_one_definition():
    own = {one.name: one for one in role_tools.TOOLS}

    assert set(own) == set(OF_SESSIONS) - {"deploy"}
    for name, tool in own.items():
        assert set(tool.arguments.__struct_fields__) == {
            *("config", "at", "run"),
            *OF_SESSIONS[name].arguments.__struct_fields__,
        }
        assert tool.about.startswith(OF_SESSIONS[name].description)


def test_a_client_sees_what_a_masked_session_would_and_nothing_from_later():
    features = next(one for one in TOOLS if one.name == "features")
    asked = {"config": "team.yaml", "instrument": "instrument A", "timeframe": "1m"}
    early, late = (
        answer_of(features, asked | {"at": f"2024-01-{day}T15:00:00"}, ToolScope())
        for day in ("04", "05")
    )

    assert set(msgspec.json.decode(early)) == {"momentum", "trend_t", "place", "volume_ratio"}
    assert early != late
    with pytest.raises(QeError, match="no bar in the five minutes before it"):
        answer_of(features, asked | {"at": "2024-01-06T15:00:00"}, ToolScope())
    with pytest.raises(QeError, match="unknown instrument"):
        answer_of(features, asked | {"instrument": "ESH24"}, ToolScope())


def test_the_schema_of_a_tool_is_one_object_a_client_understands():
    schema = next(one.schema for one in TOOLS if one.name == "facts")

    assert schema["type"] == "object"
    assert schema["properties"]["limit"]["maximum"] == 200
    assert msgspec.json.decode(msgspec.json.encode(schema)) == schema
