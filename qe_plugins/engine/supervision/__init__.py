"""What watches a live session from inside its process: the broker's book, and the age of data.

`truth_supervisor.py` has `reconciliation` compare both books: `broker_look.py` asks the broker on a
thread of its own, `book_reader.py` reads our book, `repairs.py` carries actions out.
`stale_supervisor.py` watches quotes and bars, `clock_reading.py` the clock. A further supervisor is
one module here and an entry of `attached.py`. Imports: `broker` and every package of the engine
below it, `ib_client`, `halt`, `market`, `journal`.
"""
