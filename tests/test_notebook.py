"""The notebook of `configs/research`: it has no outputs, names what exists, and runs."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import nbformat
import pytest

from qe_plugins import api
from tests.command import ROOT

FILE = ROOT / "configs" / "research" / "first_look.ipynb"


@pytest.fixture
def notebook() -> Any:
    found = nbformat.read(FILE, as_version=4)
    nbformat.validate(found)
    return found


def sources(notebook: Any) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def test_it_has_no_outputs(notebook: Any) -> None:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(cells) > 8
    assert [cell for cell in cells if cell.outputs or cell.execution_count is not None] == []


def test_each_name_of_the_api_exists(notebook: Any) -> None:
    nodes = list(ast.walk(ast.parse("\n".join(sources(notebook)))))
    imported = {
        alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module == "qe_plugins.api"
        for alias in node.names
    }
    assert imported == {"journal", "load", "load_sweep", "run", "runs", "sweep"}
    assert [name for name in imported if not callable(getattr(api, name))] == []
    used = {
        "first": api.StoredRun,
        "found": api.StoredSweep,
    }
    fields = {
        (node.value.id, node.attr)
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    asked = [(name, field) for name, field in fields if name in used]
    assert len(asked) >= 6
    assert [one for one in asked if not hasattr(used[one[0]], one[1])] == []


@pytest.mark.long
def test_it_runs(notebook: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbclient import NotebookClient

    monkeypatch.setenv("QE_HOME", str(tmp_path / "home"))
    client = NotebookClient(notebook, timeout=600, kernel_name="python3")
    done = client.execute(cwd=str(ROOT))
    cells = [cell for cell in done.cells if cell.cell_type == "code"]
    assert [cell for cell in cells if any(one.output_type == "error" for one in cell.outputs)] == []
    last = cells[-1].outputs[0]["data"]["text/plain"]
    assert last == "(True, True, 1)"
    assert "'bars * 2 >= risk': 1" in cells[-4].outputs[0]["data"]["text/plain"]
