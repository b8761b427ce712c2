"""Walk through market history and record what a fleet answers at each decision point.

`points.py` has the moments, `as_of.py` the state of the market at one of them, `estimate.py` the
price before the first call, `walk.py` asks and stores. What a recording holds and how a run
receives it is in `recordings`. Imports `fleet/scan`, `fleet/prompts`, `fleet/tasks`, `llm`.
"""
