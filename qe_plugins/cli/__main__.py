"""`python -m qe_plugins.cli` is `qe`."""

from qe_plugins.cli import program

program()
