"""Strategies that look ahead, and such as do not."""
