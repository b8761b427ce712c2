"""The five coordinators at work: typed inputs and answers, prompts, rules, and what code makes of
an answer.

`run_role` runs one session of a role and returns its typed outcome; one module a role. A role's
module, its prompt in `agents/_prompts/` and its rule may change without reading elsewhere. Imports
the sessions, the tools, the patterns, the scan and the journal.
"""

from qe_plugins.fleet.roles.context import PersonLimits, RoleContext
from qe_plugins.fleet.roles.run import RoleOutcome, run_role

__all__ = ["PersonLimits", "RoleContext", "RoleOutcome", "run_role"]
