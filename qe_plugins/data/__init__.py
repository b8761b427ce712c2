"""Tapes: bought, imported, generated; verified before they are used."""
