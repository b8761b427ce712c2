"""A tree of models that answers questions about the market; it can place no order.

`settings.py` and `loader.py` read `configs/fleet/*.yaml`, `tree.py` has ranks and nodes,
`aggregate.py` the statistics over answers. The packages: tasks, prompts, scan, schedule, messaging
and temporal. The fleet imports `llm`, `data` and `market`; only `cli` imports it.
"""
