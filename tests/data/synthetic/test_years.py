"""Generated data of years: forty contracts, known rolls, the exchange's days, one label."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from click.testing import CliRunner

from qe_plugins.cli import cli
from qe_plugins.config.schema import SyntheticSettings
from qe_plugins.data.synthetic.catalog import generate
from qe_plugins.data.synthetic.rolls import known_rolls
from qe_plugins.data.synthetic.schedule import plan
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import dated_key
from qe_plugins.market.roll_calendar import Figures, Rule, roll_calendar
from qe_plugins.market.sessions import session_on, sessions
from tests.data.dbn_tape import opened

ONE_YEAR = SyntheticSettings(years=1, start="2015-01-02")


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the catalog of one year of ES and MES."""
    return generate(ONE_YEAR, ["ES", "MES"], tmp_path_factory.mktemp("year") / "tape").catalog


@pytest.fixture(scope="module")
def bars(year: Path) -> pl.DataFrame:
    """Return all bars with contract, root, Chicago's time of their close, and session."""
    frames = [
        pl.read_parquet(file).with_columns(contract=pl.lit(file.parent.name.split(".")[0]))
        for file in sorted(year.glob("data/bars/*/*.parquet"))
    ]
    closes = pl.col("ts_init").dt.convert_time_zone("America/Chicago").dt.replace_time_zone(None)
    inside = closes - pl.duration(minutes=1) + pl.duration(hours=7)
    return pl.concat(frames).with_columns(
        pl.col("open", "high", "low", "close", "volume").cast(float),
        at=closes,
        session=inside.dt.date(),
        root=pl.col("contract").str.head(-3),
    )


def figures(bars: pl.DataFrame, root: str) -> Figures:
    """Return volume by session and contract."""
    found: Figures = {}
    volumes = bars.filter(root=root).group_by("session", "contract").agg(pl.col("volume").sum())
    for day, name, volume in volumes.iter_rows():
        key = dated_key(name, day)
        assert key is not None
        found.setdefault(day, {})[key] = int(volume)
    return found


@pytest.mark.parametrize("root", ["ES", "MES"])
def test_the_roll_calendar_finds_the_rolls_that_are_known(
    year: Path, bars: pl.DataFrame, root: str
) -> None:
    days = bars["session"].unique().sort().to_list()
    found = roll_calendar(root, Rule.VOLUME, days, figures(bars, root)).rolls
    known = json.loads((year / "rolls.json").read_text())[root]
    assert len(known) == 3
    assert [(str(r.known), str(r.date), r.before, r.after) for r in found][:3] == [
        tuple(roll.values()) for roll in known
    ]


def test_ten_years_have_forty_contracts_and_thirty_nine_rolls() -> None:
    planned = plan(SyntheticSettings(root="ES", years=10, start="2015-01-02"), str)
    rolls = known_rolls(planned, ["ES"], "XCME")["ES"]
    assert (str(planned.months[0].key), str(planned.months[-1].key)) == ("ESH15", "ESZ24")
    assert len(planned.months) == 40
    assert len(rolls) == 39
    assert (rolls[-1].before, rolls[-1].after) == ("ESU24.XCME", "ESZ24.XCME")
    assert planned.days[-1] == date(2024, 12, 20)


def test_days_are_the_exchanges_and_early_closes_are_kept(bars: pl.DataFrame) -> None:
    days = bars["session"].unique().sort().to_list()
    assert days == [one.date for one in sessions("ES", days[0], days[-1])]
    last = bars.group_by("session").agg(pl.col("at").max().dt.time())
    for day, at in last.iter_rows():
        session = session_on("ES", day)
        assert session is not None
        if session.early:
            assert at == session.close.astimezone(ZoneInfo("America/Chicago")).time()
    assert bars.filter(session=date(2015, 11, 27))["at"].max().hour == 12  # type: ignore[union-attr]


def test_nothing_trades_in_the_halt(bars: pl.DataFrame) -> None:
    minutes = bars["at"].dt.hour().cast(int) * 60 + bars["at"].dt.minute()
    assert not minutes.is_between(15 * 60 + 16, 15 * 60 + 30).any()


def test_es_and_mes_have_one_path_and_volumes_of_their_own(bars: pl.DataFrame) -> None:
    es, mes = (bars.filter(contract=name) for name in ("ESH15", "MESH15"))
    both = es.join(mes, on="ts_init", suffix="_micro")
    assert both.height > 40_000
    assert (both["close"] == both["close_micro"]).all()
    share = both["volume_micro"] / both["volume"]
    assert share.std() > 0.1  # type: ignore[operator]


def test_the_tape_says_that_it_is_synthetic_from_its_catalog(year: Path) -> None:
    tape = opened(catalog=str(year))
    assert tape.source == "synthetic"
    assert tape.label == "SYNTHETIC ES and MES tape, seed 7 (not market data)"
    assert all(contract.info == {"synthetic": True} for contract in tape.contracts)


def test_one_root_alone_is_the_same_as_beside_another(year: Path, tmp_path: Path) -> None:
    alone = generate(ONE_YEAR, ["ES"], tmp_path / "es").catalog
    name = "data/bars/ESM15.XCME-1-MINUTE-LAST-EXTERNAL/*.parquet"
    assert pl.read_parquet(alone / name).equals(pl.read_parquet(year / name))


def test_a_run_generates_its_years_on_first_use() -> None:
    tape = opened(synthetic=ONE_YEAR)
    assert (tape.source, len(tape.contracts)) == ("synthetic", 4)


def test_the_command_prints_where_catalog_and_rolls_are(tmp_path: Path) -> None:
    asked = ["data", "synth", "--years", "1", "--roots", "MES", "--json"]
    first, again = (json.loads(CliRunner().invoke(cli, asked).stdout) for _ in range(2))
    assert first.pop("made") is True
    assert again.pop("made") is False
    assert first == again
    assert first["catalog"] == str(tmp_path / "home/data/synth-MES-2015-01-02-1y-seed7")
    assert (first["contracts"], Path(first["rolls"]).is_file()) == (4, True)


@pytest.mark.parametrize(
    ("roots", "says"),
    [
        (["ESS"], "'ESS': no such root can be generated. Did you mean 'ES'?"),
        (["ES", "ZB"], "'ZB': no such root can be generated. There are ES, MES, NQ, CL, GC, ZN."),
        (["ES", "ES"], "ES,ES: each root must be named once."),
    ],
)
def test_roots_that_make_no_tape_are_refused(roots: list[str], says: str) -> None:
    with pytest.raises(DataError) as caught:
        generate(ONE_YEAR, roots)
    assert str(caught.value).startswith(says)


def test_a_folder_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="is already there"):
        generate(ONE_YEAR, ["ES"], tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]
