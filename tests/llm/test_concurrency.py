"""The gate lets in as many as the provider can bear; the circuit spares one that only fails."""

from __future__ import annotations

import asyncio

import pytest

from qe_plugins.llm.client.provider_state import CircuitBreaker, ConcurrencyLimit

pytestmark = pytest.mark.anyio


async def test_no_more_enter_than_there_are_places():
    gate = ConcurrencyLimit(3)
    waiting = [asyncio.create_task(gate.acquire()) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (gate.in_flight, sum(task.done() for task in waiting)) == (3, 3)

    gate.release()
    gate.release()
    await asyncio.gather(*waiting)
    assert gate.in_flight == 3


async def test_whoever_came_first_enters_first():
    gate, order = ConcurrencyLimit(1), []
    await gate.acquire()

    async def come(name: str) -> None:
        await gate.acquire()
        order.append(name)
        gate.release()

    waiting = [asyncio.create_task(come(name)) for name in "abc"]
    await asyncio.sleep(0)
    gate.release()
    await asyncio.gather(*waiting)
    assert order == ["a", "b", "c"]


async def test_who_gives_up_waiting_takes_no_place_with_them():
    gate = ConcurrencyLimit(1)
    await gate.acquire()
    leaving, staying = (asyncio.create_task(gate.acquire()) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    gate.release()
    await staying

    assert gate.in_flight == 1
    assert leaving.cancelled()


async def test_a_rare_429_changes_nothing():
    gate = ConcurrencyLimit(100)
    for n in range(500):
        gate.turned_away(0.01) if n % 100 == 0 else gate.answered()

    assert gate.limit == 100


async def test_many_429s_halve_the_limit_once_a_pause_and_answers_raise_it_again():
    gate = ConcurrencyLimit(100)
    for _ in range(50):
        gate.turned_away(0.5)
    assert gate.limit == 50
    assert not gate.try_acquire()

    await asyncio.wait_for(gate.acquire(), timeout=60)  # once the pause is over
    for _ in range(50):
        gate.answered()
    assert 54 < gate.limit < 56  # about a twentieth of the ceiling a round trip
    for _ in range(5_000):
        gate.answered()
    assert gate.limit == 100


async def test_a_provider_that_only_fails_is_tried_by_one_call_after_a_rest():
    circuit = CircuitBreaker(failures=3, rest=0.02)
    for _ in range(3):
        assert circuit.wait() == 0
        circuit.failed()
    assert circuit.wait() > 0

    await asyncio.sleep(circuit.wait() + 0.005)
    assert circuit.wait() == 0
    assert circuit.wait() > 0  # one is trying
    circuit.failed()
    assert circuit.wait() > 0.01  # another rest

    await asyncio.sleep(circuit.wait() + 0.005)
    assert circuit.wait() == 0
    circuit.answered()
    assert circuit.wait() == circuit.wait() == 0


async def test_failures_between_answers_open_no_circuit():
    circuit = CircuitBreaker(failures=3)
    for _ in range(10):
        circuit.failed()
        circuit.failed()
        circuit.answered()

    assert circuit.wait() == 0
