"""The only package that imports Nautilus' run-time: backtests with the plugins' hooks in them.

A run starts at `running/backtest.py`. From the ground up: settings and contracts, recording,
accounting, simulation, risk, signals, hosting, rolling, results, running; imports run downwards,
held by a contract in pyproject.toml. Imports: `data`, `market`, `config`, `plugins`, `journal`.
"""
