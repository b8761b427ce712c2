"""Options on futures: quotes to implied volatilities, a surface, Greeks, scenarios and margins.

`quotes.py` filters and inverts quotes, `chain.py` has one moment's chain, `surface.py` its fits,
`greeks.py` has Greeks; `positions.py` legs, revalued by `scenarios.py` and `margin.py`;
`hedged_straddle.py` what sold volatility earns and loses. Numbers are floats for research and risk;
the engine settles in decimals. Compiled code is in `kernel/`.
Imports: `data`, `market`; nothing here trades.
"""
