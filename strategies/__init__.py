"""Strategies: one file is one Config and one Strategy, with its thesis in the docstring."""
