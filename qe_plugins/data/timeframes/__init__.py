"""Bars of any timeframe from one-minute bars: each known at its close and not before.

`aggregation` says which minutes a bar has and when it closes, `catalog` builds the bars of a run
into the cache. When a bar ends may be changed in `aggregation` alone. Imports: `catalog`, `checks`,
`market`.
"""
