"""Agents: one file is one plugin, with its role in the name."""
