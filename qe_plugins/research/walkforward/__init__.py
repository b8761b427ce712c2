"""Walk-forward: choose a variant on past sessions, judge it on the sessions after them.

`windows.py` divides the sessions, `selection.py` chooses and judges: both work on a matrix of P&L
by session and variant and may be changed without reading the engine. The matrix is that of a sweep,
whose variants run once over the whole history; `judgement.py` reads it for a command or a notebook.
Imports config, data, `qe_plugins.research` and NumPy.
"""
