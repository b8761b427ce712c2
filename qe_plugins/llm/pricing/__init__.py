"""Prices of models, from `configs/prices.yaml`, and the cost of a call.

`price_list.py` has the fields of the file, `cost.py` the arithmetic in Decimal USD. A new field of
the file needs both. Imports the configuration's reader and decoder.
"""
