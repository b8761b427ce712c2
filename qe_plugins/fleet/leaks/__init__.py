"""What a fleet's requests give away: the market behind the mask, and what happened later.

`attackers.py` guesses level, date and instrument from masked prompts; a mask holds where they do
not guess better than by chance. `later.py` changes the future and looks for it in requests;
`memory.py` asks the model what came next. Imports `fleet/recording`, `fleet/scan`, `fleet/tasks`.
"""
