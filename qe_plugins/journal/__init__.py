"""Append-only facts with their causes and a hash chain, in SQLite or Postgres.

A new kind of fact: add it to `facts.FactKind`, emit it with the engine's recorder, and list it in
`listings.py`. Tables, hashes and kinds are formats on disk and do not change. Listings, lookup and
messages may change alone. Imports nothing but errors, state folder and safe text.
"""
