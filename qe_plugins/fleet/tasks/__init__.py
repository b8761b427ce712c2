"""Tasks of the workers and the market snapshot that they are about.

`task_list.py` has the kinds of tasks, `snapshot.py` the bars and figures computed from them,
`snapshot_loader.py` and `snapshot_process.py` read the data. A new kind of task also needs a text
in `fleet/prompts/requests.py` and settings in `fleet/settings.py`. Imports `data` and `llm`.
"""
