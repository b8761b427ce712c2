"""Generated data: resembles ES, is equal everywhere, and is labelled as no market data."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nautilus_trader.model import Price, Quantity
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.config.schema import SyntheticSettings
from qe_plugins.data.synthetic.contract_months import months, sessions
from qe_plugins.data.tape import Tape
from qe_plugins.errors import DataError
from tests.data.dbn_tape import keys, opened

CHICAGO = ZoneInfo("America/Chicago")
PRICES = ("open", "high", "low", "close")
MINUTE = 60_000_000_000


def frame(tape: Tape) -> pl.DataFrame:
    """Return all bars with contract, Chicago's time of their opening, and trading day."""
    files = sorted(tape.catalog.glob("data/bars/*/*.parquet"))
    bars = pl.concat(
        pl.read_parquet(file).with_columns(contract=pl.lit(file.parent.name.split(".")[0]))
        for file in files
    )
    opens = (pl.col("ts_init") - pl.duration(minutes=1)).dt.convert_time_zone("America/Chicago")
    return bars.with_columns(pl.col(*PRICES, "volume").cast(float), at=opens).with_columns(
        day=(pl.col("at").dt.replace_time_zone(None) + pl.duration(hours=7)).dt.date()
    )


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    root=st.sampled_from(["ES", "MES", "NQ"]),
    seed=st.integers(0, 2**32),
    start=st.dates(date(2010, 1, 1), date(2030, 1, 1)),
    sessions=st.integers(1, 12),
    open_price=st.decimals(500, 20_000, places=2),
    volatility=st.floats(0.01, 1.0),
)
def test_any_settings_give_bars_on_the_grid_within_the_session(**chosen: object) -> None:
    chosen["start"] = str(chosen["start"])
    bars = frame(opened(synthetic=SyntheticSettings(contracts=3, **chosen)))  # type: ignore[arg-type]
    prices = bars.select(PRICES).to_numpy()
    opened_, high, low, close = prices.T
    assert (np.mod(prices, 0.25) == 0).all()
    assert (prices > 0).all()
    assert (high >= np.maximum(opened_, close)).all()
    assert (low <= np.minimum(opened_, close)).all()
    assert (bars["volume"] >= 1).all()
    assert not bars["at"].dt.hour().eq(16).any()
    assert bars["day"].dt.weekday().max() <= 5
    assert bars["day"].n_unique() == chosen["sessions"]


def test_the_tape_is_labelled_synthetic() -> None:
    tape = opened(synthetic=SyntheticSettings(sessions=2))
    assert (tape.source, tape.label) == (
        "synthetic",
        "SYNTHETIC MES tape, seed 7 (not market data)",
    )


def test_two_processes_with_different_hash_seeds_generate_the_same(tmp_path: object) -> None:
    code = (
        "import hashlib\n"
        "from qe_plugins.config.schema import DataSettings, SyntheticSettings\n"
        "from qe_plugins.data.tape import open_tape\n"
        "tape = open_tape(DataSettings(synthetic=SyntheticSettings(sessions=3)), str)\n"
        "text = [str(one) for chunk in tape.chunks() for one in chunk.records]\n"
        "print(hashlib.sha256('\\n'.join(text).encode()).hexdigest())\n"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed, "QE_HOME": f"{tmp_path}/{seed}"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    here = [text for *_, text in keys(opened(synthetic=SyntheticSettings(sessions=3)))]
    assert hashes == {hashlib.sha256("\n".join(here).encode()).hexdigest() + "\n"}


def test_another_seed_is_another_tape() -> None:
    one, other = (
        keys(opened(synthetic=SyntheticSettings(sessions=1, seed=seed))) for seed in (1, 2)
    )
    assert one != other


def test_more_sessions_begin_with_the_same_ones() -> None:
    short = keys(opened(synthetic=SyntheticSettings(sessions=3)))
    long = keys(opened(synthetic=SyntheticSettings(sessions=6)))
    assert long[: len(short)] == short


def test_the_first_contract_opens_at_the_price_asked_for() -> None:
    bars = frame(opened(synthetic=SyntheticSettings(sessions=1, open_price=1_234)))  # type: ignore[arg-type]
    assert bars.filter(contract="MESH24").sort("ts_init")["open"][0] == 1_234


@pytest.mark.parametrize("change", [date(2024, 3, 11), date(2024, 11, 4)])
def test_sessions_open_and_close_by_chicagos_clock_across_daylight_saving(change: date) -> None:
    start = str(change - timedelta(days=3))
    days = (
        frame(opened(synthetic=SyntheticSettings(start=start, sessions=3)))
        .group_by("day")
        .agg(pl.col("at").min().alias("first"), pl.col("at").max().alias("last"))
        .sort("day")
    )
    assert [at.time() for at in days["first"]] == [time(17)] * 3
    assert [at.time() for at in days["last"]] == [time(15, 59)] * 3
    assert days["first"][1].strftime("%A") == "Sunday"
    assert days["first"][0].utcoffset() != days["first"][2].utcoffset()


def test_weekends_and_holidays_have_no_session() -> None:
    days, opens = sessions(date(2024, 1, 1), 252)
    assert days[-1] == date(2024, 12, 31)
    closed = [
        (1, 1), (1, 15), (2, 19), (3, 29), (5, 27), (6, 19), (7, 4), (9, 2), (11, 28), (12, 25),
    ]  # fmt: skip
    assert not {date(2024, month, day) for month, day in closed} & set(days)
    first = datetime.fromtimestamp(int(opens[0]) / 1e9, CHICAGO)
    assert (first.date(), first.time()) == (date(2024, 1, 1), time(17))


def test_days_agree_with_new_yorks_calendar() -> None:
    calendars = pytest.importorskip("pandas_market_calendars")
    known = calendars.get_calendar("NYSE").valid_days("2022-01-03", "2026-11-20")
    days, _ = sessions(date(2022, 1, 3), len(known) + 1)
    mourned = date(2025, 1, 9)  # New York closed for President Carter; no rule gives that
    assert [day for day in days if day != mourned][: len(known)] == [day.date() for day in known]


def test_months_are_quarterly_and_expire_on_the_third_friday_in_the_morning() -> None:
    found = months("MES", date(2024, 1, 2), 4)
    assert [str(month.key) for month in found] == ["MESH24", "MESM24", "MESU24", "MESZ24"]
    expiry = datetime.fromtimestamp(found[0].expiry / 1e9, CHICAGO)
    assert expiry == datetime(2024, 3, 15, 8, 30, tzinfo=CHICAGO)


@pytest.fixture(scope="module")
def quarter(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QE_HOME", str(tmp_path_factory.mktemp("home")))
        return frame(opened(synthetic=SyntheticSettings()))


def test_volume_moves_to_the_next_month_eight_days_before_expiry(quarter: pl.DataFrame) -> None:
    volume = quarter.group_by("day", "contract").agg(pl.col("volume").sum())
    days = volume.pivot("contract", index="day", values="volume").sort("day").fill_null(0)
    crossed = days.filter(pl.col("MESM24") > pl.col("MESH24"))["day"][0]
    assert timedelta(days=6) <= date(2024, 3, 15) - crossed <= timedelta(days=10)
    assert (
        days.filter(pl.col("day") >= crossed)
        .select((pl.col("MESM24") > pl.col("MESH24")).all())
        .item()
    )


def test_a_month_stops_at_its_expiry(quarter: pl.DataFrame) -> None:
    last = quarter.filter(contract="MESH24")["ts_init"].max()
    assert isinstance(last, datetime)
    assert last.astimezone(CHICAGO).replace(tzinfo=None) == datetime(2024, 3, 15, 8, 30)


def test_the_next_month_trades_above_by_its_carry(quarter: pl.DataFrame) -> None:
    near, far = (quarter.filter(contract=name) for name in ("MESH24", "MESM24"))
    both = near.join(far, on="ts_init", suffix="_far")
    ahead = both["close_far"] / both["close"] - 1
    assert ahead.is_between(0.006, 0.009).all()


def test_days_are_busy_in_new_york_and_quiet_in_asia(quarter: pl.DataFrame) -> None:
    front = quarter.filter(contract="MESH24").with_columns(size=pl.col("high") - pl.col("low"))
    hours = front.group_by(hour=pl.col("at").dt.hour()).agg(pl.col("size", "volume").mean())
    size, volume = (dict(hours.select("hour", name).iter_rows()) for name in ("size", "volume"))
    assert size[9] > 1.3 * size[12] > 1.3 * 1.5 * size[20]
    assert size[14] > 1.2 * size[12]
    assert volume[9] > 1.3 * volume[12] > 1.3 * 3 * volume[20]


def test_a_days_range_leaves_room_for_a_stop_of_ten_points(quarter: pl.DataFrame) -> None:
    days = (
        quarter.filter(contract="MESH24")
        .group_by("day")
        .agg(reach=pl.col("high").max() - pl.col("low").min())
    )
    assert 30 < days["reach"].median() < 150  # type: ignore[operator]


def test_wild_minutes_come_in_clusters(quarter: pl.DataFrame) -> None:
    front = quarter.filter(contract="MESH24").sort("ts_init")
    moves = np.abs(np.diff(np.log(front["close"].to_numpy())))
    hour = front["at"].dt.hour().to_numpy()[1:]
    calm = (
        moves
        / np.array([moves[hour == h].mean() if (hour == h).any() else 1 for h in range(24)])[hour]
    )
    assert np.corrcoef(calm[:-10], calm[10:])[0, 1] > 0.02


def test_the_catalog_is_as_nautilus_writes_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Hold our columns to the pinned engine's own: it reads other layouts as zero, silently."""
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("catalog")
    name = "MESH24.XCME-1-MINUTE-LAST-EXTERNAL"
    tape = opened(synthetic=SyntheticSettings(sessions=1, contracts=1))
    bars = [one for chunk in tape.chunks() for one in chunk.records]
    ParquetDataCatalog(str(folder)).write_bars(bars)
    ours, theirs = (next(place.glob(f"data/bars/{name}/*")) for place in (tape.catalog, folder))
    assert ours.name == theirs.name
    assert pq.read_table(ours).equals(pq.read_table(theirs))
    assert pq.read_schema(ours).equals(pq.read_schema(theirs), check_metadata=True)


def test_a_contract_knows_its_money(quarter: pl.DataFrame) -> None:
    contract = opened(synthetic=SyntheticSettings(root="NQ", sessions=1)).contracts[0]
    assert (str(contract.id), str(contract.raw_symbol)) == ("NQH24.XCME", "NQH4")
    assert (contract.multiplier, contract.price_increment) == (
        Quantity.from_int(20),
        Price.from_str("0.25"),
    )


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"start": "yesterday"}, "start must be a day, was 'yesterday'. Write it as '2024-01-02'."),
        (
            {"sessions": 120, "contracts": 2},
            "120 sessions last until 2024-06-24, but MESM24, the last of 2 contracts, expires "
            "before. Set 'contracts: 3' or take fewer sessions.",
        ),
    ],
)
def test_settings_that_make_no_tape_are_refused(chosen: dict[str, object], says: str) -> None:
    with pytest.raises(DataError) as caught:
        opened(synthetic=SyntheticSettings(**chosen))  # type: ignore[arg-type]
    assert str(caught.value) == f"run.yaml:synthetic: {says}"
