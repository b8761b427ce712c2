"""Databento's symbols: their type, the contracts they stand for, and suggestions for mistakes.

`symbols` parses a symbol, `resolver` returns its dated contracts by day, `suggestions` recognises
other vendors' forms, `dataset` names the one dataset that is supported. A new form of symbol goes
into `suggestions`. Imports: `market`.
"""
