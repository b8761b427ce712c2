"""Scans by schedule, around the clock: `scheduler.py` and its `clock.py`.

Both may be changed on their own; a test replaces the clock. Imports `fleet/scan`.
"""
