"""What every test may rely on: a state folder of its own, and the shared market data if present."""

from __future__ import annotations

import functools
import gc
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.postgres import PostgresServer

# A busy machine is no failure. The same examples are tried each time, so that no change is refused
# for another one's fault; `QE_EXAMPLES=1000 uv run pytest` tries more of each property, new ones.
settings.register_profile(
    "desk",
    deadline=None,
    max_examples=int(os.environ.get("QE_EXAMPLES", "50")),
    derandomize="QE_EXAMPLES" not in os.environ,
)
settings.load_profile("desk")

ROOT = Path(__file__).resolve().parent.parent

# Tests start hundreds of processes: each would compile everything that it imports again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# What Numba compiles is kept between runs and shared by the processes of one.
os.environ.setdefault("NUMBA_CACHE_DIR", str(ROOT / ".pytest_cache" / "numba"))

# Started in the background, a shell's jobs are deaf to Ctrl-C, and so is all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test an empty state folder, so that no test can reach a user's journal."""
    monkeypatch.setenv("QE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("QE_JOURNAL_URL", raising=False)
    monkeypatch.delenv("QE_LEDGER_URL", raising=False)
    monkeypatch.delenv("DATABENTO_API_KEY", raising=False)
    monkeypatch.setattr("qe_plugins.safe_text._secrets", {})


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real market data, or skip: it is never part of the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no market data at {folder}")
    return folder


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Return a running Postgres server, or skip where Debian's `postgresql` is not installed."""
    from tests import postgres

    if postgres.programs() is None:
        pytest.skip("Postgres is not installed")
    server = postgres.PostgresServer()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test twice: with journal and ledger in SQLite, and on a Postgres server."""
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.url()
        monkeypatch.setenv("QE_JOURNAL_URL", url)
        monkeypatch.setenv("QE_LEDGER_URL", url)
    return str(request.param)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import thousands of modules without looking for garbage among them again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    freeze_what_lasts()
    gc.get_freeze_count = some  # to count millions takes as long as a scan, which only asks whether


@functools.wraps(gc.get_freeze_count)
def some() -> int:
    return 1


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """After each module, freeze what it has imported and left in caches."""
    done = yield
    if nextitem is not None and nextitem.path != item.path:
        freeze_what_lasts()
    return done


def freeze_what_lasts() -> None:
    """Let no run look through it again: each begins with a collection of all that is not frozen."""
    gc.collect()
    gc.freeze()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the benchmarks to `uv run pytest tests/benchmarks`: they measure, and take minutes."""
    return True if collection_path.name == "benchmarks" and not _measures(config) else None


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Measure in one process, with nothing beside it; test on every core."""
    return 0 if _measures(config) else None


def _measures(config: pytest.Config) -> bool:
    return any("benchmarks" in argument for argument in config.args)
