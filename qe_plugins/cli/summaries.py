"""What `qe --help` prints of each command, so that it imports none.

Each is the first sentence of the command's own help, which a test compares.
"""

SUMMARIES = {
    "backtest": "Run the backtest in FILE; write a report and the journal.",
    "paper": "Trade FILE's strategies on paper: recorded data at a pace, simulated fills.",
    "live": "Trade FILE's strategies at its broker, around the clock, until Ctrl-C.",
    "parity": "Rerun a paper or live session as a backtest, and list every difference with its "
    "cause.",
    "sweep": "Run FILE for every combination of a grid, or for a sample of them.",
    "walkforward": "Judge the choice among the variants of a grid of FILE out of sample.",
    "factors": "Test features as factors: odd months propose them, even months confirm them.",
    "lookahead": "Test FILE for look-ahead bias on truncated data.",
    "ablate": "Run FILE, which replays a recording, with its votes kept, rotated, mixed and turned "
    "round.",
    "ladder": "Show and change the rung of strategies: up by evidence, down by itself.",
    "check": "Build the run of FILE and print it, without running.",
    "doctor": "Check Python, disk, permissions, clock, versions, data, keys and gateway.",
    "show": "Print FILE resolved, with bases, overrides and defaults.",
    "schema": "Print the JSON Schema of a KIND of file, for editors.",
    "data": "Buy, check and understand futures data.",
    "features": "List, explain, check, compute and compare features of bars.",
    "options": "Chains of options on futures: quotes, implied volatilities, Greeks, surfaces.",
    "fleet": "Ask a tree of models about the market, within a budget.",
    "worker": "Join a Temporal cluster, and run its scans and jobs until interrupted.",
    "desk": "Run CONFIG's desk until stopped, beside the session that its `desk:` section names.",
    "mcp": "Serve the desk's tools to a program on standard input and output.",
    "status": "Show whether trading is halted, sessions and desks that run or died, journal and "
    "disk.",
    "halt": "Halt: no order adds risk and no model is called, until `qe resume`.",
    "resume": "End the halt.",
    "flatten": "Close every position that FILE names, and cancel its orders, whatever the node "
    "does.",
    "watch": "Watch the account that FILE trades, from a process and a connection of its own, "
    "until Ctrl-C.",
    "runs": "List all runs, newest first, with those that have no end yet: running, or died.",
    "report": "Show the figures of RUN and the path of its report; or, with `day`, the report of a "
    "DAY.",
    "compare": "Compare two runs: figures, fills and settings.",
    "journal": "List, trace and verify the facts of runs.",
    "plugins": "List all plugins, active ones first; only those are imported.",
    "hooks": "Print the reference of all hooks, or of the hook NAME.",
    "new": "Write the draft of an agent, a strategy or a feature.",
    "init": "Write a project into FOLDER: a strategy, a guardian, their tests, and a first run.",
    "completion": "Complete commands, options, files, runs, plugins and the keys of --set in bash, "
    "zsh, fish.",
    "rehearse": "Run a simulated TWS until Ctrl-C.",
    "observatory": "Serve the Observatory on this machine, until Ctrl-C.",
}
