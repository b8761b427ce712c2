"""Append-only facts with a causal chain."""
