"""Random moves, faults and restarts with the real node; the pure logic has its own, much longer.

Each sequence is a session at a gateway. `QE_SEQUENCES` says how many run, `QE_SEED` the first seed.
"""

from __future__ import annotations

import os
import random
from contextlib import suppress

import pytest

from qe_plugins.engine.live import faked_clock
from qe_plugins.testing.tws import SimulatedTws
from tests.engine.broker.live_process import AheadClock
from tests.engine.supervision.faulty_desk import FaultyDesk, run_desk

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(faked_clock.library() is None, reason="Debian's faketime is not installed"),
    pytest.mark.xdist_group("faults"),
]

STEPS = {
    "enter": 8,
    "move": 6,
    "manual": 1,
    "cut": 2,
    "restore": 3,
    "restart gateway": 1,
    "lose": 2,
    "399": 1,
    "reject": 1,
    "partial": 1,
    "kill": 2,
    "resume": 4,
    "cancel as person": 1,
    "leave": 2,
    "mute": 1,
    "slow": 1,
    "hold fills": 1,
    "farm": 1,
}


def step(desk: FaultyDesk, name: str, draw: random.Random) -> None:
    """Do one step of a sequence."""
    control = desk.tws.control
    match name:
        case "enter":
            desk.live.do("enter")
        case "move":
            control.move(control.price() + draw.randint(-40, 60) / 4)
        case "manual":
            control.manual_order(draw.choice(("BUY", "SELL")))
        case "cut":
            control.lose_connectivity(drop_executions=draw.random() < 0.3)
        case "restore":
            control.restore_connectivity(data_lost=draw.random() < 0.5)
        case "restart gateway":
            control.restart(draw.randint(1, 8))
        case "lose":
            control.lose_acknowledgements(draw.randint(1, 25))
        case "399":
            control.notice_orders(399)
        case "reject":
            control.reject_orders(201)
        case "partial":
            control.fill_at_most(draw.randint(0, 1))
        case "leave":
            desk.live.do("close", way="leave")
        case "mute":
            control.mute(draw.randint(1, 20), then=draw.choice(("send", "drop")))
        case "slow":
            control.be_slow(draw.randint(0, 6) / 4)
        case "hold fills":
            control.hold_fills(draw.random() < 0.5)
        case "farm":
            draw.choice((control.break_farm, control.mend_farm))()
        case "kill":
            control.heal()
            control.restore_connectivity()
            desk.kill()
            desk.start()
            desk.take_up()
        case "resume":
            desk.resume()
        case "cancel as person":
            for one in control.open_orders()[:1]:
                with suppress(ValueError):
                    control.cancel_as_person(one["perm_id"])


@pytest.mark.parametrize("number", range(int(os.environ.get("QE_SEQUENCES", "3"))))
def test_a_sequence_with_the_real_node(number: int, tmp_path):
    seed = int(os.environ.get("QE_SEED", "0")) + number
    print(f"seed {seed}")
    draw, clock = random.Random(seed), AheadClock()
    with SimulatedTws(clock=clock) as tws:
        desk = run_desk(tws, clock, tmp_path)
        try:
            for _ in range(draw.randint(4, 9)):
                [name] = draw.choices(list(STEPS), list(STEPS.values()))
                step(desk, name, draw)
                desk.watch(draw.choice((0.5, 1, 3, 8)))
            desk.watch(18)
            assert desk.live.process.poll() is None, desk.story()
        finally:
            desk.kill()
