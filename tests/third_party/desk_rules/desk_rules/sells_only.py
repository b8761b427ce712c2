"""A desk that never buys to open."""

from qe_plugins import OrderRequest, Plugin, PluginConfig, Role, Veto, hookimpl


class SellsOnlyConfig(PluginConfig, frozen=True):
    """`says` is the reason a trader reads."""

    says: str = "this desk only sells"


class SellsOnly(Plugin):
    """Refuse every order that buys; what only closes a short never comes here."""

    role = Role.GUARDIAN
    Config = SellsOnlyConfig
    config: SellsOnlyConfig

    @hookimpl
    def veto_order(self, order: OrderRequest) -> Veto | None:
        """Return a veto for a buy."""
        return Veto(self.config.says) if order.side == "BUY" else None
