"""Generated futures bars, deterministic by seed and always labelled SYNTHETIC.

`generator` writes bars from a price path (`price_path`), a schedule of sessions and contract months
(`schedule`, `contract_months`) and their volume (`volume`); `rolls` has the rolls that follow.
Raise `generator.FORM` when the bars change: recorded results refer to them. Imports: `catalog`,
`config` and `market`.
"""
