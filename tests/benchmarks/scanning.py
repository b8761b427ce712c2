"""One scan of the full tree against a model server: what it took, as JSON.

`python scanning.py URL CONCURRENCY` asks over sockets, then runs the scan again from the ledger.
Importing the SDKs is not counted.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter, process_time

ROOT = Path(__file__).resolve().parents[2]


def main(url: str, concurrency: str) -> None:
    import anthropic  # noqa: F401 - so that importing is not counted
    import openai  # noqa: F401

    from qe_plugins.fleet.loader import load
    from qe_plugins.fleet.scan import lifecycle
    from tests.benchmarks.peak import peak

    loaded = load(
        ROOT / "configs" / "fleet" / "full.yaml",
        [
            "provider=models",
            f"base_urls={{deepseek: '{url}/v1', anthropic: '{url}'}}",
            f"calls.concurrency={concurrency}",
        ],
    )
    begun = lifecycle.begin(loaded)
    before = process_time()
    result = lifecycle.run(begun)
    cpu = process_time() - before
    held = peak()
    reopened = lifecycle.reopen(result.scan_id)
    again, started = process_time(), perf_counter()
    replayed = lifecycle.run(reopened, replay=True)
    print(
        json.dumps(
            {
                "nodes": result.nodes,
                "sent": result.calls_sent,
                "coverage": result.coverage,
                "seconds": result.seconds,
                "cpu": cpu,
                "peak": held,
                "same": replayed.answer_sha256 == result.answer_sha256,
                "replay": perf_counter() - started,
                "replay_cpu": process_time() - again,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
