"""What a fleet's requests give away: the market behind the mask, and what happened later.

`attackers.py` guesses level, date and instrument from masked prompts. A mask passes where they
do not guess better than by chance. Imports `fleet/prompts` and `fleet/tasks`.
"""
