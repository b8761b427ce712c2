"""The account and the contracts that a configuration names: all that the guard may close."""

from __future__ import annotations

import re

import msgspec

from qe_plugins.ib_client.records import BrokerEndpoint, BrokerOrder, BrokerPosition

MONTH_AND_YEAR = re.compile(r"[FGHJKMNQUVXZ]\d{1,2}$")


class NamedContracts(msgspec.Struct, frozen=True, kw_only=True):
    """The contracts of one account: `MESZ6` by local symbol, or every future of a root, `MES`."""

    account: str
    symbols: frozenset[str] = frozenset()
    roots: frozenset[str] = frozenset()

    def covers(self, one: BrokerOrder | BrokerPosition) -> bool:
        """Return whether an order or a position is of the account and of a contract named here."""
        if one.account not in ("", self.account):
            return False
        name = one.local_symbol
        return name in self.symbols or MONTH_AND_YEAR.sub("", name) in self.roots

    def __str__(self) -> str:
        return ", ".join([*sorted(self.symbols), *(f"every {one}" for one in sorted(self.roots))])


class GuardedAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What one configuration guards: where the broker is, and which contracts are its own.

    `quoted` are the local symbols whose quotes are watched, `quoted_roots` the roots whose hours
    count.
    """

    name: str
    endpoint: BrokerEndpoint
    contracts: NamedContracts
    quoted: tuple[str, ...] = ()
    quoted_roots: tuple[str, ...] = ()
