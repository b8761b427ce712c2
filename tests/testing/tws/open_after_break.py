"""What `test_fast_clock.py` runs beside `qe rehearse`, on its clock, from 16:45 in Chicago."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from qe_plugins.testing.tws import RemoteTws
from tests.testing.tws.driven_node import DrivenNode

LONG = 1200.0
"""Seconds of the fast clock."""


def main() -> None:
    control = RemoteTws(int(os.environ["QE_TWS_CONTROL_PORT"])).control
    with DrivenNode(int(os.environ["QE_TWS_PORT"]), seconds_to_connect=300) as node:
        node.wait("quote", LONG)
        node.do("bracket", stop=6400.0, target=6600.0)
        node.wait("accepted", LONG, role="target")
        placed = control.time()
        while control.clients():
            time.sleep(1)
        while sorted(control.clients()) != [11, 21]:
            time.sleep(1)
        back = control.time()
        filled = node.wait("filled", LONG, role="entry")
        node.settle(lambda now: now["net"] == 1, LONG)
        snapshot = node.snapshot()
        node.kill()
    result = {
        "placed": placed,
        "back": back,
        "filled": filled["at"],
        "rejected": len(node.all("rejected")),
        "open": sorted(one["role"] for one in snapshot["orders"] if one["open"]),
        "notices": [
            one.body["errorCode"]
            for one in control.sent("ErrorMessage")
            if one.body["errorCode"] == 399
        ],
    }
    print("RESULT " + json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
