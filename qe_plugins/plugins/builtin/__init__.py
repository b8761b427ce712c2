"""Plugins that come with the package, one module each, found by their entry point.

A module here may be changed freely: it uses nothing but the public API of plugin authors. Add an
entry point in pyproject.toml for a new one.
"""
