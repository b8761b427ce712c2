"""The providers use public interfaces of the vendors' SDKs alone, which a new release keeps."""

from __future__ import annotations

import ast
from pathlib import Path

import openai
import pytest

from qe_plugins.llm import providers

MODULES = sorted(Path(providers.__file__).parent.glob("*.py"))
SDKS = {"openai", "anthropic", "httpx2", "aiohttp"}


def private_parts(source: str) -> list[str]:
    """Return private modules and names of the SDKs that a module imports or overrides."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in SDKS:
            names = [*(node.module or "").split("."), *(one.name for one in node.names)]
            found += [name for name in names if name.startswith("_")]
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Call)
            and ast.unparse(node.value) == "super()"
            and node.attr.startswith("_")
            and not node.attr.startswith("__")
        ):
            found.append(node.attr)
    return found


def test_no_provider_uses_a_private_part_of_an_sdk() -> None:
    found = {file.name: private_parts(file.read_text(encoding="utf-8")) for file in MODULES}

    assert {name: parts for name, parts in found.items() if parts} == {}


@pytest.mark.parametrize(
    "source",
    [
        "from openai._models import FinalRequestOptions",
        "from openai import _client",
        "class A(B):\n    def build(self):\n        return super()._build_request()",
    ],
)
def test_a_private_part_would_be_seen(source: str) -> None:
    assert private_parts(source)


def test_the_sdk_names_the_address_and_the_headers_of_a_call() -> None:
    found = {"base_url", "auth_headers", "default_headers"} & set(dir(openai.AsyncOpenAI))

    assert len(found) == 3, (
        "openai has renamed what qe_plugins/llm/providers/openai.py reads of AsyncOpenAI"
    )
