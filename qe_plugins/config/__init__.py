"""Read YAML files into typed structs, where every value knows its file and line.

Start at `loader.py`, which reads the files of runs, fleets and download requests alike. A new
setting is a field in `schema.py`; a renamed key is an entry in `aliases.py`. The reader, the merge
and the decoder may change without looking elsewhere. Imports plugins for the types of `rung:` and
`posture:`.
"""
