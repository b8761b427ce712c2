"""Facts of the contracts of a run, and copies of orders for them.

`instruments` looks instruments up and adds what their definitions lack, `terms` has each root's
fees and margins by date, `order_copies` rebuilds an order with other values. A fee or a margin is
changed in configs/markets.yaml, not here. Imports: Nautilus, `market`, `config` for types.
"""
