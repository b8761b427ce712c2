"""Providers of models behind one protocol (`base.Provider`), opened by `registry.py`.

A new built-in provider is a module here and an entry of `registry.FACTORIES`; a plugin registers
one with the hook `register_providers`. The prompts and bodies sent to models must not change by a
byte: answers are recorded by them. Imports the SDKs only where a provider is opened.
"""
