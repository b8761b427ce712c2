"""What guards a live session from outside its process: the watcher, and the way to flat.

`flatten.py` closes what a configuration names, `named.py` says what that is, `door.py` is how other
processes reach the watcher. Nothing here needs the node alive, or imports the engine. How an answer
of the watcher looks may be changed without reading elsewhere. Imports ib_client, alarms, halt,
config and the modules below.
"""
