"""Ten years of ES minutes, brought into a catalog: `importing.py bare|qe FOLDER`.

Prints seconds and the peak of memory of this process as JSON.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from pathlib import Path

from tests.benchmarks.peak import peak

BARS_FILE, DEFINITIONS_FILE = "bars.dbn.zst", "definitions.dbn.zst"
CONTRACTS, EACH = 40, 87_500


def bare(folder: Path) -> None:
    """Load with Nautilus' loader and write with Nautilus' catalog, contract by contract."""
    from nautilus_trader.adapters.databento import DatabentoDataLoader
    from nautilus_trader.persistence import ParquetDataCatalog

    from qe_plugins.data.dbn.decoder import PUBLISHERS

    loader = DatabentoDataLoader(PUBLISHERS)
    contracts = loader.load_instruments(folder / DEFINITIONS_FILE, True)
    bars = loader.load_bars(folder / BARS_FILE)
    (folder / "bare").mkdir()
    catalog = ParquetDataCatalog(str(folder / "bare"))
    catalog.write_instruments(contracts)
    for first in range(0, len(bars), EACH):
        catalog.write_bars(bars[first : first + EACH])


def product(folder: Path) -> None:
    """Import both files with `qe data import`."""
    from qe_plugins.cli import cli

    with contextlib.redirect_stdout(io.StringIO()):
        cli(["data", "import", str(folder)], standalone_mode=False)


if __name__ == "__main__":
    started = time.perf_counter()
    {"bare": bare, "qe": product}[sys.argv[1]](Path(sys.argv[2]))
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "peak": peak()}))
