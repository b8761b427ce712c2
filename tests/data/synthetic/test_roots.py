"""Generated data of several underlyings: each root with its own terms, sessions and prices."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from qe_plugins.config.schema import SyntheticSettings
from qe_plugins.data.synthetic.catalog import generate
from qe_plugins.data.synthetic.label import read_label
from qe_plugins.data.synthetic.roots import SPECS
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import dated_key
from qe_plugins.market.expiry import limit
from qe_plugins.market.sessions import session_at
from qe_plugins.market.specs import markets
from tests.data.dbn_tape import opened

SHORT = SyntheticSettings(start="2024-02-05", sessions=6, contracts=2, through_zero=["CL"])
ROOTS = ["ES", "NQ", "CL", "GC", "ZN"]


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(SHORT, ROOTS, tmp_path_factory.mktemp("roots") / "tape").catalog


def bars(catalog: Path, root: str) -> pl.DataFrame:
    """Return all bars of a root, with their contract and prices as floats."""
    frames = [
        pl.read_parquet(file).with_columns(
            pl.col("open", "high", "low", "close", "volume").cast(float),
            contract=pl.lit(file.parent.name.partition(".")[0]),
        )
        for file in sorted(catalog.glob(f"data/bars/{root}[A-Z][0-9]*/*.parquet"))
    ]
    return pl.concat(frames).sort("contract", "ts_init")


@pytest.mark.parametrize("root", SPECS)
def test_a_generated_contract_has_the_terms_of_the_table(root: str) -> None:
    spec, known = SPECS[root], markets().roots[root]
    assert (spec.venue, spec.tick, spec.multiplier) == (
        known.exchange,
        known.tick,
        known.multiplier,
    )


@pytest.mark.parametrize("root", ROOTS)
def test_every_root_has_bars_on_its_own_grid(tape: Path, root: str) -> None:
    found = bars(tape, root)
    unit = SPECS[root].unit
    digits = SPECS[root].precision
    whole = (found.select("open", "high", "low", "close") * 10**digits).cast(pl.Float64)
    assert ((whole.to_numpy().round() % unit) == 0).all()
    assert (found["high"] >= found.select(pl.max_horizontal("open", "close"))["open"]).all()
    assert (found["low"] <= found.select(pl.min_horizontal("open", "close"))["open"]).all()
    assert (found["volume"] > 0).all()


def test_oil_falls_below_zero_on_request_and_comes_back(tape: Path) -> None:
    front = bars(tape, "CL").filter(pl.col("contract") == "CLH24")
    assert front["close"][0] > 20
    assert front["low"].min() < 0  # type: ignore[operator]
    assert front["close"][-1] > 20
    assert (front["close"] == 0).any() or front["low"].min() < 0 < front["high"].max()  # type: ignore[operator]


def test_the_underlyings_move_by_themselves(tape: Path) -> None:
    one, other = (bars(tape, root).filter(contract=f"{root}H24") for root in ("ES", "NQ"))
    both = one.join(other, on="ts_init", suffix="_other")
    moves = both.select(pl.col("close", "close_other").pct_change()).drop_nulls()
    assert abs(moves.corr()["close"][1]) < 0.1


def test_a_root_alone_is_the_same_as_beside_others(tape: Path, tmp_path: Path) -> None:
    alone = generate(SHORT, ["CL"], tmp_path / "alone").catalog
    assert bars(alone, "CL").equals(bars(tape, "CL"))


def test_the_label_names_every_root_and_says_that_it_is_synthetic(tape: Path) -> None:
    made = read_label(tape, "here")
    assert made is not None
    assert made.label == "SYNTHETIC ES, NQ, CL, GC and ZN tape, seed 7 (not market data)"


def test_a_year_of_oil_trades_in_its_own_sessions_up_to_its_own_expiries(tmp_path: Path) -> None:
    settings = SyntheticSettings(years=1, start="2023-06-01")
    found = bars(generate(settings, ["CL"], tmp_path / "oil").catalog, "CL")
    assert found["contract"].n_unique() == 12
    opens = found["ts_init"].dt.offset_by("-1m").unique()
    for at in opens.sample(300, seed=1):
        assert session_at("CL", int(at.timestamp()) * 10**9) is not None
    lasts = found.group_by("contract").agg(pl.col("ts_init").max())
    for name, last in lasts.iter_rows():
        key = dated_key(name, datetime(2023, 6, 1, tzinfo=UTC).date())
        assert key is not None
        assert last.date() == limit(key)


def test_a_run_generates_any_root_on_first_use() -> None:
    contract = opened(synthetic=SyntheticSettings(root="ZN", sessions=1)).contracts[0]
    assert str(contract.id).endswith(".XCBT")
    assert str(contract.price_increment) == "0.015625"


@pytest.mark.parametrize(
    ("settings", "roots", "says"),
    [
        (SyntheticSettings(open_price=70), ["CL", "ES"], "one first price for several underlyings"),  # type: ignore[arg-type]
        (
            SyntheticSettings(through_zero=["GC"]),
            ["CL"],
            "GC cannot go through zero. Name one of CL",
        ),
        (SyntheticSettings(through_zero=["ES"]), ["ES"], "An index stays above zero"),
    ],
)
def test_what_makes_no_tape_is_refused(
    settings: SyntheticSettings, roots: list[str], says: str
) -> None:
    with pytest.raises(DataError, match=says):
        generate(settings, roots)
