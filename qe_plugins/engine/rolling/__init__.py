"""Strategies on a root, such as ES: they trade the front month and are rolled to the next contract.

`roll_points` finds when a root rolls and at what prices, `front` describes the series of front
months, `front_state` is the state of one strategy on it, `strategy` hosts the strategy and moves
its position, `costs` lists the finished rolls. A session knows no bar ahead: `roll_watch` finds
the roll point as bars close, `session_roll` waits for each confirmation, and `session_roller`
takes its actions. How a position is rolled may be changed here alone; the rules of the calendar
are in `market.roll_calendar`. Imports: Nautilus, `data`, `market`, and the engine's hosting,
simulation, risk, recording and contracts.
"""
