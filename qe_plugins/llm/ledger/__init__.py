"""The ledger of model calls: what was asked, what it cost, what came of it."""

from qe_plugins.llm.ledger.doubt import Doubt
from qe_plugins.llm.ledger.records import Attempt, CostRow, OverBudget, Sent
from qe_plugins.llm.ledger.store import Ledger

__all__ = ["Attempt", "CostRow", "Doubt", "Ledger", "OverBudget", "Sent"]
