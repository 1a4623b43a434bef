"""The platforms the hub can speak to. A new one is its adapter's file and its line here."""

from tradershub.core.registry import Registry

PLATFORMS = Registry(
    paper=("Paper", "brokers.adapters.paper.PaperAdapter"),
    oanda=("OANDA", "brokers.adapters.oanda.OandaAdapter"),
    manual=("By hand", "brokers.adapters.manual.ManualAdapter"),
)
