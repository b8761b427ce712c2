"""The ledger of model calls: what was asked, what it cost, what came of it."""

from qe_plugins.llm.ledger.in_doubt import InDoubt
from qe_plugins.llm.ledger.ledger import Ledger
from qe_plugins.llm.ledger.records import Attempt, CostRow, OverBudget, ScanUsage

__all__ = ["Attempt", "CostRow", "InDoubt", "Ledger", "OverBudget", "ScanUsage"]
