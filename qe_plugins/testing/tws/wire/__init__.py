"""How messages of the TWS protocol look: names and numbers, protobuf, the text dialect, times.

The two dialects are translated into one form, a name and a dictionary of fields by IB's protobuf
names. A message is added by its number in `messages.py` and, for the text dialect, its layout. It
imports nothing of the package but its errors; IB's protobuf classes are imported when first used.
"""
