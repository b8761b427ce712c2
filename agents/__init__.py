"""Agents: each file has one plugin, with its role in the file name."""
