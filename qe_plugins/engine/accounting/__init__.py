"""What fills come to: trades, the account's balance and equity, and the prices orders could expect.

`booking` reads fill events and books them into the trades of `trades`; `balance` keeps the account,
which `account_view` and `plugin_account` show to strategies and plugins; `reference_prices` runs
once, after the last bar. What a trade is and costs may be changed here alone; the columns of the
report are in `results`. Imports: Nautilus, `data`, `plugins`, the engine's recording and contracts.
"""
