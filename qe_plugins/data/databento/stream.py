"""One file bought as a stream. A cut is tried again, and billed again, within the budget."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from qe_plugins.data.databento.book import Book
from qe_plugins.data.databento.budget import Budget
from qe_plugins.data.databento.desk import Desk
from qe_plugins.data.databento.disk import full, is_full, writing
from qe_plugins.data.databento.manifest import Receipt, now
from qe_plugins.data.databento.pieces import Piece
from qe_plugins.data.databento.retry import CutError, VendorError, retrying, was_billed
from qe_plugins.data.databento.whole import Whole, read_whole
from qe_plugins.errors import DataError


def fetch_stream(
    desk: Desk, book: Book, budget: Budget, piece: Piece, dollars: Decimal, part: Path
) -> Whole:
    """Buy `piece` into the file `part` and return it, read to its end.

    Raises DataError where the vendor refuses, cuts the line too often, or the budget is used up.
    """
    attempts = _Attempts(desk, book, budget, piece, dollars, part)
    try:
        return retrying(desk.sleep)(attempts.next)
    except VendorError as error:
        raise desk.refusal(error, piece.path) from None


class _Attempts:
    """The attempts at one file; from the second billed one on they need what the budget leaves."""

    def __init__(
        self, desk: Desk, book: Book, budget: Budget, piece: Piece, dollars: Decimal, part: Path
    ) -> None:
        self._desk, self._book, self._budget = desk, book, budget
        self._piece, self._dollars, self._part = piece, dollars, part
        self._billed = False

    def next(self) -> Whole:
        """Make one attempt."""
        again = self._billed
        self._part.unlink(missing_ok=True)
        self._budget.charge(self._dollars, self._piece.path, again=again)
        receipt = Receipt(path=self._piece.path, dollars=self._dollars, at=now())
        self._book.pay(receipt)
        try:
            whole = self._streamed()
        except VendorError as error:
            self._settle(receipt, billed=was_billed(error), again=again)
            if is_full(error):
                raise full(self._part.parent, self._piece.path) from error
            raise
        self._book.settle(receipt, "whole")
        return whole

    def _streamed(self) -> Whole:
        with writing(self._part.parent, self._piece.path):
            self._desk.stream(self._piece, self._part)
        try:
            return read_whole(self._part, self._piece.path)
        except DataError as error:
            raise CutError(error.message) from error

    def _settle(self, receipt: Receipt, *, billed: bool, again: bool) -> None:
        self._book.settle(receipt, "cut" if billed else None)
        self._part.unlink(missing_ok=True)
        if billed:
            self._billed = True
        else:
            self._budget.refund(self._dollars, again=again)
