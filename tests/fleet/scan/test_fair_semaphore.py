"""Places for workers: never more than there are, in the order of coming, a few at a time."""

from __future__ import annotations

import asyncio

import pytest

from qe_plugins.fleet.scan.runner import PER_TURN, FairSemaphore

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Run on uvloop, as the fleet does."""
    return "asyncio", {"use_uvloop": True}


class Room:
    """Counts who is inside, and who came in which order."""

    def __init__(self, places: int) -> None:
        self.slots, self.inside, self.most = FairSemaphore(places), 0, 0
        self.order: list[int] = []

    async def visit(self, who: int, turns: int = 3) -> None:
        async with self.slots:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.order.append(who)
            for _ in range(turns):
                await asyncio.sleep(0)
            self.inside -= 1


async def test_no_more_are_inside_than_there_are_places_and_all_get_their_turn():
    room = Room(7)
    await asyncio.gather(*(room.visit(n) for n in range(100)))

    assert room.most == 7
    assert room.order == list(range(100))


async def test_a_crowd_enters_a_few_a_turn():
    room = Room(1_000)
    visits = [asyncio.create_task(room.visit(n, turns=10_000)) for n in range(3 * PER_TURN)]
    grown = []
    while room.inside < 3 * PER_TURN:
        before = room.inside
        await asyncio.sleep(0)
        grown.append(room.inside - before)
    for visit in visits:
        visit.cancel()
    await asyncio.gather(*visits, return_exceptions=True)

    assert max(grown) <= PER_TURN
    assert len([one for one in grown if one]) >= 3


@pytest.mark.parametrize("turns", range(5))
async def test_who_leaves_at_any_moment_takes_no_place_along(turns):
    room = Room(1)
    leaving = asyncio.create_task(room.visit(0))
    for _ in range(turns):
        await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)

    async with asyncio.timeout(5):
        await room.visit(1)
    assert room.order[-1] == 1
