"""`qe init` and `qe completion`: a project of one's own, and a shell that completes its names.

What `qe init` writes is in `templates/project/` and in the templates of `qe new`; what a shell
completes is in `cli/completed_names.py`. Both may change alone. Imports modules of `cli` only.
"""
