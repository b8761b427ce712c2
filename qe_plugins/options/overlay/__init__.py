"""Selling options with defined risk: the most a position can lose, and orders that keep it so.

`book.py` has the loss at any price of expiry, `structures.py` spreads and condors, `selection.py`
picks them from a chain, `entries.py` and `exits.py` say when, `sequence.py` the next order. Money
is decimal. Rules may be changed here without reading the strategy. Imports: `options`, `market`.
"""
