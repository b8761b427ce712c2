"""Each heavy library comes in by one door: only some packages may import it at run-time."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

DOORS = {
    "nautilus_trader": {"engine"},
    "nautilus_trader.model": {""},
    "nautilus_trader.persistence": {"engine", "data"},
    "nautilus_trader.adapters.databento": {"engine", "data"},
    "databento": {"data/databento"},
    "databento_dbn": {"data"},
    "sqlalchemy": {"journal", "llm/ledger"},
    "psycopg": {"journal/postgres.py"},
    "openai": {"llm/providers/openai.py"},
    "anthropic": {"llm/providers/anthropic.py"},
    "temporalio": {"cluster", "fleet/temporal"},
    "numba": {"compiled_code.py"},
    "QuantLib": {"options/oracle.py"},
    "skfolio": {"research/factors/combination.py"},
    "talib": {"features"},
    "pandas_ta_classic": {"features"},
    "matplotlib": {"report/feature_chart.py"},
    "nats": {"fleet/messaging/jetstream.py"},
    "starlette": {"observatory"},
    "uvicorn": {"observatory/serving"},
    "ibapi": {"testing/tws/wire"},
    "ib_async": {"ib_client"},
    "apprise": {"alarms"},
    "mcp": {"tool_server/stdio.py"},
    "optuna": {"research/samplers.py"},
    "mcp_types": {"tool_server/stdio.py"},
}
"""Which packages of `qe_plugins` may import a library, or a part of one ("" means all may)."""

MODULES = sorted((ROOT / "qe_plugins").rglob("*.py"))

NAMED = re.compile(rf"\b(?:{'|'.join(DOORS)})\b")
"""What a text holds that imports one of the libraries."""


def test_no_module_imports_a_library_whose_door_is_elsewhere():
    found = [
        f"{where}: {name}"
        for path in MODULES
        for where in [path.relative_to(ROOT / "qe_plugins").as_posix()]
        for text in [path.read_text(encoding="utf-8")]
        if NAMED.search(text)
        for name in trespasses(where, text)
    ]

    assert found == []


@pytest.mark.parametrize(
    ("where", "source"),
    [
        ("cli/runs.py", "import nautilus_trader"),
        ("cli/runs.py", "from nautilus_trader.backtest import BacktestEngine"),
        ("cli/runs.py", "from nautilus_trader import model, trading"),
        ("report/page.py", "def page():\n    import nautilus_trader.trading"),
        ("report/page.py", "from nautilus_trader.persistence import ParquetDataCatalog"),
        ("data/catalog/catalog.py", "from nautilus_trader.common import Cache"),
        ("data/catalog/catalog.py", "import databento as db"),
        ("engine/hosting/host.py", "from databento import Historical"),
        ("report/page.py", "import databento_dbn"),
        ("report/page.py", "from sqlalchemy import select"),
        ("llm/client/client.py", "from openai import AsyncOpenAI"),
        ("llm/providers/openai.py", "import anthropic"),
        ("fleet/scan/lifecycle.py", "from temporalio import workflow"),
        ("fleet/messaging/outbox.py", "import nats"),
    ],
)
def test_a_trespass_is_seen(where, source):
    assert NAMED.search(source)
    assert trespasses(where, source) != []


@pytest.mark.parametrize(
    ("where", "source"),
    [
        ("engine/hosting/host.py", "from nautilus_trader.trading import Strategy"),
        ("cli/runs.py", "from nautilus_trader.model import Bar"),
        ("cli/runs.py", "from nautilus_trader import model"),
        ("data/catalog/catalog.py", "from nautilus_trader.persistence import ParquetDataCatalog"),
        (
            "data/dbn/source.py",
            "from nautilus_trader.adapters.databento import DatabentoDataLoader",
        ),
        ("data/databento/client.py", "import databento"),
        ("plugins/hookspecs.py", "if TYPE_CHECKING:\n    from nautilus_trader.common import Cache"),
        ("cli/data/__init__.py", "from qe_plugins.data.databento import desk"),
        ("llm/providers/openai.py", "from openai import AsyncOpenAI"),
        ("llm/providers/anthropic.py", "import anthropic"),
        ("fleet/temporal/workflows.py", "from temporalio import workflow"),
    ],
)
def test_a_door_is_open(where, source):
    assert trespasses(where, source) == []


def trespasses(where: str, source: str) -> list[str]:
    """Return what the module at `where` imports at run-time past a door that is not its own."""
    imported = _imported(ast.parse(source))
    return [name for name in imported if not _may_import(where, name)]


def _may_import(where: str, name: str) -> bool:
    doors = [part for part in DOORS if name == part or name.startswith(f"{part}.")]
    if not doors:
        return True
    homes = DOORS[max(doors, key=len)]
    return any(home in ("", where) or where.startswith(f"{home}/") for home in homes)


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        for child in node.orelse:
            yield from _imported(child)
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield from _imported(child)
