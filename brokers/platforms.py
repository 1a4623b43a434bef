"""The platforms the hub can speak to. A new one is its adapter's file and its line here."""

from tradershub.core.registry import Registry

PLATFORMS = Registry(
    paper=("Paper", "brokers.adapters.paper.PaperAdapter"),
    oanda=("OANDA", "brokers.adapters.oanda.OandaAdapter"),
    manual=("By hand", "brokers.adapters.manual.ManualAdapter"),
)


def is_by_hand(platform: str) -> bool:
    """Whether a person carries out the orders of that platform: nothing answers there."""
    return platform in PLATFORMS and not PLATFORMS.load(platform).capabilities.places_orders
