"""The validation ladder: which rung a strategy may trade on, up by evidence and down by itself.

`rungs` reads the file, `claims`, `evidence` and `decay` are the statistics, `outcomes` reads trades
from the journal, `state` folds its facts, `criteria` and `proposals` promote, `guard` binds a
session, `simulate` and `plan` say what to expect. The statistics may be changed freely; the facts
may not. Imports: `engine`, `config`, `market`, `halt`, `journal`, `plugins`.
"""
