"""What plugin authors test with: pytest fixtures, and a simulated TWS to trade against.

pytest loads the fixtures of `fixtures.py` by itself; `tws/` runs without pytest too, as in
`qe rehearse`. Fixtures may change alone, but other projects use their names and arguments. It may
import every package below; nothing imports it but the command line.
"""
