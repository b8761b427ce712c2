"""What ten years of minutes cost, from the catalog to the report, against plain Nautilus."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from qe_plugins.config.schema import SyntheticSettings
from qe_plugins.data.synthetic.catalog import generate
from tests.benchmarks.machine import surroundings

ROOT = Path(__file__).resolve().parents[2]
PLAIN, WEIGHED = (Path(__file__).with_name(name) for name in ("plain_years.py", "weighed.py"))
FAST, SLOW = 50, 200
ROUNDS = 2

pytestmark = pytest.mark.benchmark


@pytest.fixture(scope="module")
def es(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the catalog of ten generated years of ES."""
    settings = SyntheticSettings(root="ES", years=10, start="2015-01-02", open_price=Decimal(2050))
    return generate(settings, ["ES"], tmp_path_factory.mktemp("years") / "es").catalog


def written(folder: Path, name: str, **changes: Any) -> Path:
    """Write the configuration of the ten years, changed."""
    file = folder / f"{name}.yaml"
    config = {"extends": str(ROOT / "configs/backtest/es_ten_years.yaml"), "name": name, **changes}
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    return file


def processor_seconds(home: Path, *arguments: object) -> float:
    """Run `qe` in a process of its own and return its processor time, start-up included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "qe_plugins.cli", *map(str, arguments)],
        cwd=ROOT,
        env=surroundings(home),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_from_catalog_to_report_keeps_060_of_plain_nautilus(
    es: Path, tmp_path: Path, measured: Callable[..., dict[str, Any]]
) -> None:
    cross = {"instrument": "ES", "roll": "volume", "fast": FAST, "slow": SLOW}
    file = written(
        tmp_path, "speed", data={"catalog": str(es)}, strategies={"ema_cross": cross},
        slippage={"model": "none"},
        nautilus={"venue": {"starting_balances": ["100_000_000 USD"]}},
    )  # fmt: skip
    plain, ours = [], []
    for _ in range(ROUNDS):
        plain.append(measured(PLAIN, es, FAST, SLOW))
        ours.append(processor_seconds(tmp_path, "backtest", file, "--json"))
    bars, fastest = plain[0]["bars"], min(run["seconds"] for run in plain)
    print(
        f"\n{bars:,} bars, {plain[0]['orders']:,} orders: plain {bars / fastest:,.0f} bars/s, "
        f"catalog to report {bars / min(ours):,.0f} bars/s: {fastest / min(ours):.2f}"
    )
    assert fastest / min(ours) >= 0.60


def test_memory_is_flat_between_two_and_ten_years(
    es: Path, tmp_path: Path, measured: Callable[..., dict[str, Any]]
) -> None:
    two = written(tmp_path, "two", data={"catalog": str(es), "end": "2017-01-01"})
    ten = written(tmp_path, "ten", data={"catalog": str(es)})
    short, long = (measured(WEIGHED, "backtest", file, "--json") for file in (two, ten))
    print(
        f"\ntwo years {short['megabytes']:,.0f} MB and {short['figures']['orders']:,} orders, "
        f"ten years {long['megabytes']:,.0f} MB and {long['figures']['orders']:,} orders"
    )
    assert long["figures"]["bars"] > 4 * short["figures"]["bars"]
    assert long["megabytes"] < 1_500
    assert long["megabytes"] < 1.3 * short["megabytes"]
