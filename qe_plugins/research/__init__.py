"""Studies over many runs: grids, sweeps, worker processes, and trials in the journal.

`sweep_runner` runs the variants of a grid that `proposals` chooses, `sweep_store` keeps results so
that a sweep can be resumed, `trials` records every variant in the journal. Anything may be changed
here without looking elsewhere, except the files of a sweep and the body of a trial, which stay
readable. Imports: `engine`, `cluster`, `data`, `journal`, `config`.
"""
