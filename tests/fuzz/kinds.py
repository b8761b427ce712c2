"""What is fuzzed: each kind spoils one file and names the command that reads it."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import zstandard

from tests.command import ROOT
from tests.fuzz import mutations

CONFIG = """extends: {base}
name: fuzz
data:
  synthetic: {{sessions: 2, seed: 7, contracts: 1}}
strategies:
  ema_cross:
    instrument_id: MESH24.XCME
    fast: 10
  signal_follower:
plugins:
  max_failures: 3
  hunter_momentum:
  dollar_risk:
  guardian_limits:
    max_contracts: 1
    daily_loss: 100 USD
rung: {{name: 1 MES, risk: 50 USD, max_contracts: 1}}
logging: {{fileout_level: INFO}}
secrets: [FUZZ_LOGIN]
nautilus:
  trader_id: DESK-001
  venue:
    name: XCME
    starting_balances: [100_000 USD]
  risk_engine: {{bypass: false}}
"""
SETTINGS = """
name data data.synthetic data.synthetic.sessions data.synthetic.root data.synthetic.start
data.synthetic.open_price data.synthetic.volatility data.bars data.roots data.instruments
data.start data.end data.chunk_size data.quotes strategies strategies.ema_cross
strategies.ema_cross.instrument_id strategies.ema_cross.fast
strategies.ema_cross.contracts strategies.ema_cross.path strategies.ema_cross.instrument
strategies.ema_cross.roll strategies.x.path actors.x.path exec_algorithms plugins
plugins.max_failures plugins.guardian_limits plugins.guardian_limits.daily_loss plugins.x
rung rung.risk rung.max_contracts rung.currency posture posture.valid_until posture.reason
risk.veto_timeout contracts contracts.MES contracts.MES.fee slippage.model slippage.ticks
slippage.share margin.basis margin.until_close expiry.flat_before session.when_closed nautilus
nautilus.trader_id nautilus.venue.name nautilus.venue.oms_type
nautilus.venue.base_currency nautilus.venue.starting_balances
nautilus.venue.default_leverage nautilus.venue.fill_model nautilus.venue.fill_model.type
nautilus.risk_engine.max_order_submit_rate nautilus.cache nautilus.cache.bar_capacity
nautilus.exec_engine nautilus.data_engine logging logging.stdout_level
logging.component_levels secrets extends
""".split()  # noqa: SIM905 - a list of a hundred strings reads worse
type Case = tuple[list[str], Path]
"""What `qe` is called with, and the file that was spoiled."""

type Kind = Callable[[random.Random, Path], Case]


def yaml_text(dice: random.Random, folder: Path) -> Case:
    """A configuration of which lines were spoiled."""
    file = folder / "run.yaml"
    text = CONFIG.format(base=ROOT / "configs" / "base" / "cme.yaml")
    file.write_bytes(mutations.text(text, dice).encode("utf-8", "surrogatepass"))
    if dice.random() < 0.1:
        file.write_bytes(mutations.content(file.read_bytes(), dice))
    return [dice.choice(["show", "check"]), str(file)], file


def yaml_value(dice: random.Random, folder: Path) -> Case:
    """A sound configuration with a few settings that are not."""
    file = folder / "run.yaml"
    file.write_text(CONFIG.format(base=ROOT / "configs" / "base" / "cme.yaml"))
    sets = [
        f"--set={dice.choice(SETTINGS)}={dice.choice(mutations.NASTY)}".replace("\x00", "")
        for _ in range(dice.randint(1, 2))
    ]
    return ["check", str(file), *sets], file


def fleet_yaml(dice: random.Random, folder: Path) -> Case:
    """A fleet of which lines were spoiled."""
    file = folder / "fleet.yaml"
    text = (ROOT / "configs" / "fleet" / "team.yaml").read_text()
    file.write_bytes(mutations.text(text, dice).encode("utf-8", "surrogatepass"))
    return ["fleet", "plan", str(file)], file


def journal(dice: random.Random, folder: Path) -> Case:
    """A journal of which bytes, or fields of rows, were spoiled."""
    file = folder / "home" / "journal.sqlite"
    return _database(dice, file, folder / "seed" / "journal.sqlite"), file


def ledger(dice: random.Random, folder: Path) -> Case:
    """A ledger of which bytes, or fields of rows, were spoiled."""
    file = folder / "home" / "ledger.sqlite"
    _database(dice, file, folder / "seed" / "ledger.sqlite")
    return ["fleet", "costs", "last"], file


def result(dice: random.Random, folder: Path) -> Case:
    """A run's `result.json`, or a pointer to a run, of which bytes were spoiled."""
    runs = folder / "home" / "runs"
    shutil.rmtree(runs, ignore_errors=True)
    shutil.copytree(folder / "seed" / "runs", runs)
    [place] = runs.iterdir()
    file = place / "result.json"
    file.write_bytes(mutations.content(file.read_bytes(), dice))
    commands = (["runs"], ["report", place.name], ["compare", place.name, "last"])
    return dice.choice([*commands, ["journal", "verify"], ["report", "last", "--trade", "1"]]), file


def _database(dice: random.Random, file: Path, seed: Path) -> list[str]:
    for old in file.parent.glob(f"{file.name}*"):
        old.unlink()
    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(seed, file)
    if dice.random() < 0.5:
        file.write_bytes(mutations.content(file.read_bytes(), dice))
    else:
        _spoil_row(dice, file)
    words = ("orders", "trades", "vetoes", "signals", "fills", "failures", "reviews", "verify")
    return ["journal", dice.choice(words)] if dice.random() < 0.9 else ["journal", "trace", "last"]


def _spoil_row(dice: random.Random, file: Path) -> None:
    connection = sqlite3.connect(file)
    names = "SELECT name FROM sqlite_master WHERE type = 'table'"
    tables = [row[0] for row in connection.execute(names)]
    if not tables:
        return
    table = dice.choice(tables)
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    value = dice.choice(
        [None, "", "{}", "[]", "x" * 400, "\x1b[2J", -1, 10**18, "NaN", "null", '"a"']
    )
    try:
        connection.execute(f"UPDATE {table} SET {dice.choice(columns)} = ?", (value,))
        connection.commit()
    except sqlite3.Error:
        pass  # the schema itself refuses it
    finally:
        connection.close()


DBN = """extends: {base}
name: fuzz
data: {{{source}}}
strategies: {{}}
contracts: {{ES: {{margin_init: 1000 USD, margin_maint: 900 USD, fee: 1 USD}}}}
"""


def dbn(dice: random.Random, folder: Path) -> Case:
    """Databento files of which header, definitions or bars were spoiled, for a run or an import."""
    place = folder / "dbn"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(folder / "seed" / "dbn", place)
    file = dice.choice(sorted(place.glob("*.zst")))
    if dice.random() < 0.2:
        file.write_bytes(mutations.content(file.read_bytes(), dice))
    else:
        plain = zstandard.ZstdDecompressor().stream_reader(file.read_bytes()).read()
        cut = dice.choice([64, 500, 2_000, len(plain)])  # the header is at the beginning
        spoiled = mutations.content(plain[:cut], dice) + plain[cut:]
        file.write_bytes(zstandard.ZstdCompressor().compress(spoiled))
    shutil.rmtree(folder / "home" / "cache", ignore_errors=True)
    shutil.rmtree(folder / "home" / "data", ignore_errors=True)
    if dice.random() < 0.5:
        return ["data", "import", str(place)], file
    return ["check", str(_run(folder, f"dbn: {place}"))], file


def catalog(dice: random.Random, folder: Path) -> Case:
    """A catalog of which a Parquet file was spoiled, emptied, doubled or taken away."""
    place = folder / "catalog"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(folder / "seed" / "catalog", place)
    file = dice.choice(sorted(place.rglob("*.parquet")))
    match dice.randrange(8):
        case 0:
            file.unlink()
        case 1:
            file.write_bytes(b"")
        case 2:
            shutil.copy(file, file.with_name(f"{file.stem}-2.parquet"))
        case 3:
            file.write_bytes(dice.choice(sorted(place.rglob("*.parquet"))).read_bytes())
        case _:
            file.write_bytes(mutations.content(file.read_bytes(), dice))
    return ["check", str(_run(folder, f"catalog: {place}"))], file


def _run(folder: Path, source: str) -> Path:
    file = folder / "run.yaml"
    file.write_text(DBN.format(base=ROOT / "configs" / "base" / "cme.yaml", source=source))
    return file


KINDS: dict[str, Kind] = {
    one.__name__: one
    for one in (dbn, catalog, yaml_text, yaml_value, fleet_yaml, journal, ledger, result)
}
