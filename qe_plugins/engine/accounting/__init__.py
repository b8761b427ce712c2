"""What fills come to: trades, the account's balance and equity, and the prices orders could expect.

`booking` (`session_booking` in a session) books fill events into the trades of `trades`; `holdings`
has positions and balance, which `account_view` and `plugin_account` show; `reference_prices` runs
once, after the last bar. What a trade is and costs may be changed here alone; the columns of the
report are in `results`. Imports: Nautilus, `data`, `plugins`, the engine's recording and contracts.
"""
