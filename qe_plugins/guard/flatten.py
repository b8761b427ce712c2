"""To flat, whatever the node does: cancel, wait, read IB's own position, close, verify twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import msgspec
from filelock import FileLock, Timeout

from qe_plugins import state_dir
from qe_plugins.guard.named import NamedContracts
from qe_plugins.ib_client import BrokerConnection, BrokerSnapshot, BrokerUnknown
from qe_plugins.ib_client.records import BrokerOrder, BrokerPosition

POLL = 0.12
"""Seconds between two looks: three questions each, and IB takes 50 a second."""

VERIFY_AFTER = 0.15
"""Seconds between the two looks that verify."""

CANCEL_AGAIN = 2.0
"""Seconds after which a cancel without an effect is sent again."""

MOST_CLOSES = 3
"""Market orders sent for one contract: a next one only after IB shows that the last one is dead."""

PATIENCE = 2.0
"""Seconds in which IB must answer one look."""

LEAST = 0.5
"""Seconds below which no failed look is repeated: its reason says more than a time-out would."""

OTHER_WITHIN = 10.0
"""Seconds in which another flatten of the account must end. One that hangs holds up no other."""


class FlattenReport(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended. `is_flat` only where IB said twice that nothing of the named is left.

    `closed` are the positions that were closed, `cancelled` all orders that were. `not_named` are
    those of them whose contracts are not named: IB's global cancel makes no difference.
    `left` are positions and orders of the account that were not touched. `problem` says why it is
    not flat. `seconds` is from the first question to the last answer.
    """

    account: str
    contracts: str
    is_flat: bool
    closed: list[str]
    cancelled: list[str]
    not_named: list[str]
    left: list[str]
    problem: str | None
    seconds: float
    by: str = "alone"


type Say = Callable[[str], object]


def flatten(
    broker: BrokerConnection, named: NamedContracts, *, within: float, say: Say = lambda line: None
) -> FlattenReport:
    """Cancel every order and close every position that is named, and return how it ended.

    Never raises for a broker that does not answer: it asks again until `within` seconds are over.
    `say` is called with a line a step. The halt latch must be set before. One that is under way
    already, of any process, is waited for first: two would close one position twice.
    """
    with _only_one(named.account, say):
        return _Flattening(broker, named, within, say).run()


@contextmanager
def _only_one(account: str, say: Say) -> Iterator[None]:
    """Keep others from flattening an account; after OTHER_WITHIN, or on a full disk, do without."""
    file = state_dir.inside(state_dir.state_dir() / "locks", f"{account}.flatten.lock")
    lock, end = FileLock(file), time.monotonic() + OTHER_WITHIN
    with suppress(OSError, NotImplementedError):
        file.parent.mkdir(parents=True, exist_ok=True)
        while not lock.is_locked and time.monotonic() < end:
            try:
                lock.acquire(timeout=1.0)
            except Timeout:
                say("another flatten is under way: its end is waited for")
    try:
        yield
    finally:
        lock.release()


class _Flattening:
    """One way to flat."""

    def __init__(
        self, broker: BrokerConnection, named: NamedContracts, within: float, say: Say
    ) -> None:
        self._broker, self._named, self._say = broker, named, say
        self._began = time.monotonic()
        self._end = self._began + within
        self._closes: dict[int, list[str]] = {}
        self._closed: list[str] = []
        self._at_first: BrokerSnapshot | None = None
        self._last: BrokerSnapshot | None = None
        self._problem: str | None = None
        self._is_verified = False

    def run(self) -> FlattenReport:
        try:
            self._at_first = self._look()
            self._cancel()
            self._close()
            self._verify()
        except TimeoutError:
            pass
        return self._report()

    def _look(self) -> BrokerSnapshot:
        """Return what IB says, asking until it answers. Raises TimeoutError at the end."""
        failed = False
        while True:
            left = self._end - time.monotonic()
            if left <= 0 or (failed and left < LEAST):
                raise TimeoutError
            try:
                self._last = self._broker.snapshot(min(PATIENCE, max(left, 0.1)))
            except BrokerUnknown as error:
                failed = True
                if self._problem != str(error):
                    self._problem = str(error)
                    self._say(f"not known: {error}")
                time.sleep(min(POLL, max(self._end - time.monotonic(), 0)))
            else:
                self._problem = None
                return self._last

    def _cancel(self) -> None:
        """Cancel until no order that is named is open."""
        seen = self._last or self._look()
        everything, due = not _has_others(seen, self._named), 0.0
        while orders := self._orders(seen):
            if time.monotonic() >= due:
                self._say(f"cancelling {len(orders)} order{'' if len(orders) == 1 else 's'}")
                if everything:
                    self._send(self._broker.cancel_all)
                else:
                    self._cancel_each(orders)
                everything, due = True, time.monotonic() + CANCEL_AGAIN
            self._wait("orders are still open: " + ", ".join(map(order_words, orders)))
            seen = self._look()

    def _cancel_each(self, orders: list[BrokerOrder]) -> None:
        """Cancel orders as the clients that sent them, where their ids are free.

        The account has other orders, which a global cancel would cancel, too; it comes only where
        this has no effect, as with a hung node, whose client id is in use.
        """
        at = self._broker.endpoint
        for client_id in sorted({one.client_id for one in orders} - {0}):
            own = [one.order_id for one in orders if one.client_id == client_id]
            if client_id == at.client_id:
                self._send(partial(_cancel_of, self._broker, own))
                continue
            as_sender = msgspec.structs.replace(at, client_id=client_id)
            with BrokerConnection(as_sender) as sender:
                self._send(partial(_cancel_of, sender, own))

    def _close(self) -> None:
        """Close by market orders until IB shows no position that is named."""
        while held := self._held(seen := self._look()):
            for position in held:
                if self._may_send(position, seen):
                    self._send_close(position)
            names = ", ".join(map(position_words, held))
            waits = [one for one in self._orders(seen) if one.ref in self._refs]
            why = f", the closing order is {waits[0].status} at IB" if waits else ""
            self._wait(f"not closed: {names}{why}")

    @property
    def _refs(self) -> set[str]:
        return {one for refs in self._closes.values() for one in refs}

    def _may_send(self, position: BrokerPosition, seen: BrokerSnapshot) -> bool:
        """Return whether no order that was sent for a position can still fill.

        One that IB neither lists as open nor has filled must have been refused: twice seen so, a
        second apart, since a fill may be under way.
        """
        refs = self._closes.setdefault(position.con_id, [])
        if len(refs) >= MOST_CLOSES:
            return False
        if not refs:
            return True
        if any(one.ref == refs[-1] and one.is_open for one in seen.orders):
            return False
        if any(one.ref == refs[-1] for one in seen.executions):
            return False  # the position that IB lists is older than its execution
        time.sleep(1.0)
        again = self._look()
        known = {one.ref for one in again.orders} | {one.ref for one in again.executions}
        is_same = again.position(position.local_symbol) == position.quantity
        return is_same and refs[-1] not in known

    def _send_close(self, position: BrokerPosition) -> None:
        ref = f"flatten-{time.time_ns():x}"
        self._closes[position.con_id].append(ref)
        self._say(f"closing {position_words(position)}")
        self._closed.append(position_words(position))
        self._send(lambda: self._broker.market_close(position, ref=ref, timeout=PATIENCE))

    def _verify(self) -> None:
        """Look twice. Raises TimeoutError where that is not flat by then."""
        for _ in range(2):
            time.sleep(VERIFY_AFTER)
            seen = self._look()
            if self._orders(seen) or self._held(seen):
                self._wait("flat once, and not when looked at again")
                self._cancel()
                self._close()
                return self._verify()
        self._say("flat, seen twice")
        self._problem, self._is_verified = None, True
        return None

    def _send(self, send: Callable[[], object]) -> None:
        try:
            send()
        except BrokerUnknown as error:  # it may have been sent: the next look shows it
            self._say(f"not known: {error}")

    def _wait(self, problem: str) -> None:
        """Wait for the next look. Raises TimeoutError with the problem kept at the end."""
        self._problem = problem
        if time.monotonic() + POLL > self._end:
            raise TimeoutError
        time.sleep(POLL)

    def _orders(self, seen: BrokerSnapshot) -> list[BrokerOrder]:
        return [one for one in seen.open_orders if self._named.covers(one)]

    def _held(self, seen: BrokerSnapshot) -> list[BrokerPosition]:
        return [one for one in seen.positions if self._named.covers(one)]

    def _report(self) -> FlattenReport:
        first, last = self._at_first, self._last
        orders = [] if first is None else first.open_orders
        still = set() if last is None else {one.perm_id for one in last.open_orders}
        gone = [one for one in orders if one.perm_id not in still]
        rest: list[str] = []
        if last is not None:
            rest += [position_words(p) for p in last.positions if not self._named.covers(p)]
            rest += [order_words(o) for o in last.open_orders if not self._named.covers(o)]
        problem = self._problem
        if not self._is_verified:
            problem = problem or "there was no time to look twice"
        return FlattenReport(
            account=self._named.account,
            contracts=str(self._named),
            is_flat=self._is_verified,
            closed=self._closed,
            cancelled=[order_words(one) for one in gone],
            not_named=[order_words(one) for one in gone if not self._named.covers(one)],
            left=rest,
            problem=problem,
            seconds=round(time.monotonic() - self._began, 3),
        )


def position_words(one: BrokerPosition) -> str:
    """Return a position as `+1 MESZ6`."""
    return f"{one.quantity:+f} {one.local_symbol}"


def order_words(one: BrokerOrder) -> str:
    """Return an order as `SELL 1 MESZ6 STP 6490.25 (client 21, order 7)`."""
    price = one.stop_price if one.is_stop else one.limit_price
    at = "" if price is None else f" {price:f}"
    return (
        f"{one.side} {one.remaining:f} {one.local_symbol} {one.kind}{at} "
        f"(client {one.client_id}, order {one.order_id})"
    )


def _cancel_of(broker: BrokerConnection, order_ids: list[int]) -> None:
    for order_id in order_ids:
        broker.cancel(order_id, PATIENCE)


def _has_others(seen: BrokerSnapshot, named: NamedContracts) -> bool:
    """Return whether IB lists open orders that a global cancel would cancel without being named."""
    return seen.elsewhere > 0 or any(not named.covers(one) for one in seen.open_orders)
