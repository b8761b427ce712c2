"""Models: every call has a price, a budget, an entry in the ledger and a recording."""
