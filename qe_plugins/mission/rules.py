"""The rules of MissionControl: which rows follow from the present ones. Nothing is read or written.

At most one item is now and three are next; the fourth parks the oldest. What the desk asks
for goes by itself when it no longer holds. At 17:00 Chicago a day ends: what a person wrote and
did not finish is folded away, what is finished is gone. Nothing is overdue.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

import msgspec

from qe_plugins.errors import QeError
from qe_plugins.journal.activity.records import MissionRow, MissionState
from qe_plugins.market.exchange_zone import CHICAGO

MOST_NEXT = 3
PERSON = "person"

DAY_ENDS = time(17)
"""When a trading day ends and the next one begins, in Chicago."""

URGENT = frozenset({"halt", "alarm", "session"})
"""Kinds of sources that cannot wait: `halt:...`."""

NANOS = 1_000_000_000

type Rows = Sequence[MissionRow]


class DeskItem(msgspec.Struct, frozen=True, kw_only=True):
    """What the desk asks of a person while it holds. `source` is the kind of its reason and an id.

    One of an URGENT kind becomes the thing to do now, and others are parked before it.
    """

    source: str
    title: str
    why: str
    href: str | None = None


def trading_day(at_ns: int) -> date:
    """Return the trading day of a moment (UTC nanoseconds): after 17:00 Chicago the next weekday.

    Holidays count as days.
    """
    shifted = _local(at_ns) + timedelta(hours=24 - DAY_ENDS.hour)
    return _weekday(shifted.date())


def next_session_ns(at_ns: int) -> int:
    """Return when the next trading day begins, in UTC nanoseconds."""
    day = trading_day(at_ns)
    begins = _local(at_ns).date()
    while True:
        moment = datetime.combine(begins, DAY_ENDS, CHICAGO)
        nanos = int(moment.timestamp()) * NANOS
        if nanos > at_ns and trading_day(nanos) > day:
            return nanos
        begins += timedelta(days=1)


def capture(rows: Rows, title: str, at_ns: int, item: str) -> list[MissionRow]:
    """Return the rows that add what a person wrote down, under the new id `item`.

    Raises QeError for a title without words.
    """
    if not title.split():
        raise QeError("the title is empty.", where="MissionControl", hint="Say it in a few words.")
    board = _Board(rows, at_ns)
    board.fold()
    board.enter(board.new(item, title, "", PERSON, None))
    return board.changes()


def take(rows: Rows, item: str, at_ns: int) -> list[MissionRow]:
    """Return the rows that make an item the thing to do now; what was now comes next."""
    board = _Board(rows, at_ns)
    board.make_now(board.find(item))
    return board.changes()


def not_now(rows: Rows, item: str, at_ns: int) -> list[MissionRow]:
    """Return the rows that park an item until the next session."""
    board = _Board(rows, at_ns)
    row = board.find(item)
    if row.state not in (MissionState.DONE, MissionState.GONE):
        board.put(row, MissionState.PARKED, until_ns=next_session_ns(at_ns))
        board.fill_now()
    return board.changes()


def done(rows: Rows, item: str, at_ns: int) -> list[MissionRow]:
    """Return the rows that finish an item."""
    board = _Board(rows, at_ns)
    row = board.find(item)
    if row.state not in (MissionState.DONE, MissionState.GONE):
        board.put(row, MissionState.DONE)
        board.fill_now()
    return board.changes()


def follow(rows: Rows, holding: Sequence[DeskItem], at_ns: int) -> list[MissionRow]:
    """Return the rows that follow from what the desk asks for at a moment, and from the day.

    None follow once they are written.
    """
    board = _Board(rows, at_ns)
    board.fold()
    asked = {one.source: one for one in holding}
    for row in board.rows():
        if row.source != PERSON and row.source not in asked:
            board.put(row, MissionState.GONE)
    known = {row.source for row in board.rows()}
    entries = [
        board.new(one.source, one.title, one.why, one.source, one.href)
        for one in asked.values()
        if one.source not in known
    ]
    for entry in entries:
        if not _urgent(entry):
            board.enter(entry)
    for entry in reversed(entries):  # the first of them is now in the end
        if _urgent(entry):
            board.make_now(entry)
    board.fill_now()
    board.bring_back()
    return board.changes()


def after(rows: Rows, changes: Rows) -> list[MissionRow]:
    """Return the last row of each item once `changes` are written."""
    held = {row.item: row for row in (*rows, *changes)}
    return sorted(
        (row for row in held.values() if row.state is not MissionState.GONE),
        key=lambda row: row.seq,
    )


class _Board:
    """The present rows, and those that follow; numbers after the last order the new ones."""

    def __init__(self, rows: Rows, at_ns: int) -> None:
        self._at_ns, self._day = at_ns, trading_day(at_ns)
        self._rows = {row.item: row for row in sorted(rows, key=lambda row: row.seq)}
        self._last = max((row.seq for row in rows), default=0)
        self._changed: dict[str, MissionRow] = {}
        self._before = dict(self._rows)

    def rows(self) -> list[MissionRow]:
        """Return the items that are not gone, the one that changed longest ago first."""
        held = [row for row in self._rows.values() if row.state is not MissionState.GONE]
        return sorted(held, key=lambda row: row.seq)

    def find(self, item: str) -> MissionRow:
        """Return an item. Raises QeError where it is gone."""
        row = self._rows.get(item)
        if row is None or row.state is MissionState.GONE:
            raise QeError("it is gone.", where="MissionControl", hint="Reload the page.")
        return row

    def new(self, item: str, title: str, why: str, source: str, href: str | None) -> MissionRow:
        """Return a row that is not yet on the board."""
        return MissionRow(
            item=item,
            at_ns=self._at_ns,
            day=self._day.isoformat(),
            title=title,
            why=why,
            source=source,
            state=MissionState.PARKED,
            href=href,
        )

    def put(self, row: MissionRow, state: MissionState, until_ns: int | None = None) -> None:
        """Change an item's state; time spent on what was now is added to its minutes."""
        minutes = row.minutes
        if row.state is MissionState.NOW:
            minutes = (minutes or 0) + max(self._at_ns - row.at_ns, 0) // (60 * NANOS)
        self._last += 1
        changed = msgspec.structs.replace(
            row,
            seq=self._last,
            at_ns=self._at_ns,
            day=self._day.isoformat(),
            state=state,
            minutes=minutes,
            until_ns=until_ns,
        )
        self._rows[row.item] = self._changed[row.item] = changed

    def enter(self, row: MissionRow) -> None:
        """Put an item to the things that come next; the fourth parks the oldest."""
        self.put(row, MissionState.NEXT)
        self.fill_now()
        while len(self._of(MissionState.NEXT)) > MOST_NEXT:
            self.put(self._oldest_next(), MissionState.PARKED)

    def make_now(self, row: MissionRow) -> None:
        """Make an item the thing to do now; what was now comes next."""
        before = self._of(MissionState.NOW)
        if any(one.item == row.item for one in before):
            return
        self.put(row, MissionState.NOW)
        for one in before:
            self.enter(one)

    def fill_now(self) -> None:
        """Where nothing is now, let the oldest of the next be it."""
        waiting = self._of(MissionState.NEXT)
        if waiting and not self._of(MissionState.NOW):
            self.put(waiting[0], MissionState.NOW)

    def fold(self) -> None:
        """Fold away what a person left of earlier days, and drop what is done."""
        for row in self.rows():
            if row.source == PERSON and row.day < self._day.isoformat():
                if row.state is MissionState.DONE:
                    self.put(row, MissionState.GONE)
                elif row.state in (MissionState.NOW, MissionState.NEXT):
                    self.put(row, MissionState.PARKED)

    def bring_back(self) -> None:
        """Bring back what was parked until now, as far as there is room."""
        for row in self.rows():
            due = row.until_ns is not None and row.until_ns <= self._at_ns
            room = len(self._of(MissionState.NEXT)) < MOST_NEXT
            if row.state is MissionState.PARKED and due and room:
                self.put(row, MissionState.NEXT)
                self.fill_now()

    def changes(self) -> list[MissionRow]:
        """Return the new row of each item that is not as it was, in their order."""
        return [
            row
            for row in sorted(self._changed.values(), key=lambda row: row.seq)
            if self._differs(row)
        ]

    def _differs(self, row: MissionRow) -> bool:
        before = self._before.get(row.item)
        return before is None or (before.state, before.until_ns) != (row.state, row.until_ns)

    def _of(self, state: MissionState) -> list[MissionRow]:
        return [row for row in self.rows() if row.state is state]

    def _oldest_next(self) -> MissionRow:
        waiting = self._of(MissionState.NEXT)
        return next((row for row in waiting if not _urgent(row)), waiting[0])


def _urgent(row: MissionRow) -> bool:
    return row.source.partition(":")[0] in URGENT


def _local(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns // NANOS, UTC).astimezone(CHICAGO)


def _weekday(day: date) -> date:
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return day
