"""Micro-backtests of sessions: one rule over the bars known by now, each a job in a child process.

`trade_table.py` has the trades of a rule and what they earn, also for ARBITER's attacks,
`micro_backtest.py` one request and its figures, `jobs.py` runs requests within limits of time and
memory and keeps their answers. A figure is added in `micro_backtest.py` alone. Child processes
import this package: it imports features and the market snapshot, and neither models nor journal.
"""
