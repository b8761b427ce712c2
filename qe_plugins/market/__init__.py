"""CME futures, independent of any data: specifications, sessions, expiries, roll rules.

`specs` reads `configs/markets.yaml` (ticks, fees, margins, hours), `contract_key` names contracts,
`sessions` and `holidays` say when a root trades, `expiry` has last trading and first notice days,
`roll_calendar` decides the front month and `continuous` splices contracts. A new root, fee or
margin needs only the YAML file. `option_terms` reads `configs/options.yaml`, `listed_options` has
options. Imports: `config`, `errors` and `units`.
"""
