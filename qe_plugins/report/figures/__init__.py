"""The figures of a finished run, computed from its frames: equity, costs, margin, capacity.

Each module is pure: frames or arrays in, frames or numbers out, None where a figure is undefined.
`metrics` has the ratios, `formatting` the labels and units of every figure. A figure may be changed
here without looking elsewhere; its key in `result.json` stays. Imports: `data` for stored bars.
"""
