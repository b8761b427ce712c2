"""Two days of real ES chains, read once."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from qe_plugins.data.options.frames import ChainData
from qe_plugins.data.options.lean import read_lean
from qe_plugins.options.quotes import QuoteRules, evaluated, with_underlying


@pytest.fixture(scope="session")
def chains(shared_data: Path) -> ChainData:
    """Return the chains of ES of 2020-01-05 and 2020-01-06."""
    return read_lean(shared_data / "es_options_2020", "ES")


@pytest.fixture(scope="session")
def two_days(chains: ChainData) -> pl.DataFrame:
    """Return every quote of them beside its future's price of the same minute, evaluated."""
    contracts = with_underlying(chains, 0, chains.quotes["ts"][-1])
    described = contracts.select("symbol", "future", "strike", "sign", "expiry", "american")
    prices = chains.futures.with_columns(price_ts="ts")
    frame = chains.quotes.join(described, on="symbol").join(prices, on=["future", "ts"], how="left")
    return evaluated(frame.with_columns(now="ts"), QuoteRules(widest=1e9))
