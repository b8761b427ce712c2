"""Test for look-ahead bias: run again on data truncated at sampled decisions, and compare.

`analysis` runs the whole data and truncated copies, `replay` is one of these runs in a process of
its own, `decisions` records what a run decides, `samples` chooses the moments, `data_isolation`
hides the original data from components, `messages` describes the result. Nothing outside depends
on these modules but `qe lookahead`. Imports: `engine`, `data`, `config`, `cluster.processes`.
"""
