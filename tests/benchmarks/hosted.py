"""The same job as plain.py, hosted: `python hosted.py CONFIG` prints JSON.

`seconds` is processor time of reading the catalog and running, the observers' thread included,
which other programs on the machine hardly change.
"""

from __future__ import annotations

import json
import sys
from time import process_time

from qe_plugins.config.loader import load
from qe_plugins.engine.running.backtest import stream
from qe_plugins.engine.running.build import build
from qe_plugins.engine.running.prepare import prepare


def main(file: str) -> None:
    prepared = prepare(load(file))
    built = build(prepared)
    began = process_time()
    stream(built, prepared.tape, None)
    built.context.observers.close()
    seconds = process_time() - began
    figures = {
        "bars": prepared.tape.records,
        "orders": built.engine.cache.orders_total_count(),
        "plugins": len(prepared.plugins.names),
        "seconds": seconds,
    }
    print(json.dumps(figures))
    built.engine.dispose()


main(sys.argv[1])
