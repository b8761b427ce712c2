"""Whether an order may leave a strategy: the always-on rules, then the guardians of the gate.

`order_request` describes an order as plain data, `rules` checks rung, margin, expiry and trading
hours, `gate` calls `veto_order` and denies; `liquidation` closes positions after a margin breach
and before expiry. A new rule is a method of `RiskRules` and a line in its `violations`. Imports:
Nautilus, `market`, `plugins`, `journal`, and the engine's recording and contracts.
"""
