"""Tests of this area run on uvloop, as the fleet does."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Run every test marked `anyio` on asyncio with uvloop."""
    return "asyncio", {"use_uvloop": True}
