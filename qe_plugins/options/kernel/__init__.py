"""Compiled code of options: Black-76 and its inverse, American premiums, SVI slices, revaluation.

`black76.py` has prices, implied volatility and Greeks, `american.py` Barone-Adesi and Whaley,
`svi.py` the fit of one expiry, `revaluation.py` positions under
scenarios. Prices are in points of the future, volatilities annual (0.16 is
16%), times in years of 365 days. A formula may be changed with its definition in the tests, which
compare each with QuantLib or vollib. Imports Numba, and nothing else of the package.
"""
