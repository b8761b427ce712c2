"""Futures as they are: contracts, sessions, rolls, costs."""
