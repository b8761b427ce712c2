"""`qe init`: a project of one's own that uses quant-engine as a library.

What it writes is in `templates/project/` and in the templates of `qe new`; both may change here
alone. Imports `cli.new` and `cli.scaffold`.
"""
