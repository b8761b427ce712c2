"""A live node as an engine whose cache still knows the contracts that have expired."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nautilus_trader.live import LiveNode


class KeptContracts:
    """The cache of a node. The node drops a contract at its expiry, when it is still to be booked.

    `contracts` are those that the node announces when it is connected.
    """

    def __init__(self, cache: Any, contracts: Iterable[Any]) -> None:
        self._cache = cache
        self._contracts = {one.id: one for one in contracts}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def instrument(self, instrument_id: Any) -> Any:
        """Return a contract, also one that has expired, None for an unknown id."""
        return self._cache.instrument(instrument_id) or self._contracts.get(instrument_id)


class NodeEngine:
    """A live node as `assemble` takes it."""

    def __init__(self, node: LiveNode, contracts: Iterable[Any]) -> None:
        self._node = node
        self.cache = KeptContracts(node.cache, contracts)

    @property
    def portfolio(self) -> Any:
        """Return the node's portfolio."""
        return self._node.portfolio

    def add_actor(self, actor: Any, /) -> None:
        """Add an actor."""
        self._node.add_actor(actor)

    def add_strategy(self, strategy: Any, /) -> None:
        """Add a strategy."""
        self._node.add_strategy(strategy)

    def add_exec_algorithm(self, algorithm: Any, /) -> None:
        """Add an execution algorithm."""
        self._node.add_exec_algorithm(algorithm)
