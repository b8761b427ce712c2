"""What a backtest assumes of the exchange: prices inside a bar, fills, waiting orders, slippage.

Nothing here runs in a live session, where the exchange decides. `fill_model` prices each fill,
`execution_bars` gives the engine prices that it would skip, `order_queue` holds orders while there
is no market for them. The assumptions are described in configs/FILLS.md and tested in
tests/engine/simulation. Imports: Nautilus, `config`, `data`, `market`, and the engine's
accounting, recording and contracts.
"""
