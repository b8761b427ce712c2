"""The ledger of model calls: the reservation before a call, its cost and answer after.

`ledger.Ledger` is the entry point: writes are grouped into transactions (`batch.py`) and return
once they are committed. In a SQLite file, or on Postgres (`server.py`) for workers on several
machines, with the same statements. Tables and amounts (picodollars) are a format on disk. Queries
may change alone. Imports journal's database helpers and `llm.requests`.
"""

from qe_plugins.llm.ledger.in_doubt import InDoubt
from qe_plugins.llm.ledger.ledger import Ledger
from qe_plugins.llm.ledger.records import Attempt, CostRow, LastCall, OverBudget, ScanUsage
from qe_plugins.llm.ledger.scan_calls import NodeCall

__all__ = [
    "Attempt",
    "CostRow",
    "InDoubt",
    "LastCall",
    "Ledger",
    "NodeCall",
    "OverBudget",
    "ScanUsage",
]
