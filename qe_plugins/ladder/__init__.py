"""Rungs of the validation ladder, and the size a rung allows."""
