"""Strategies: each file has one Config and one Strategy, and its thesis in the docstring."""
