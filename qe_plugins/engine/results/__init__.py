"""The result of a finished run, as plain data: frames, facts and figures for report and journal.

`collect` reads the engine before it is disposed of and returns the `BacktestResult` of `result`;
`frames` lays tables out, `facts` lists the journal's facts with their causes, `marks` reads hourly
closes. A column is added in `frames` and in the docstring of `result`. Imports: polars, `data`,
`journal`, and the engine's rolling, accounting, simulation, recording and contracts.
"""
