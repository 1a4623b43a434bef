"""The dialects in which signals arrive: each module turns a body into a draft, or says why it cannot."""

from tradershub.core.registry import Registry

SOURCES = Registry(
    generic=("Own JSON or name=value", "trading.sources.generic"),
    tradingview=("TradingView", "trading.sources.tradingview"),
    tradestation=("TradeStation", "trading.sources.tradestation"),
    multicharts=("MultiCharts", "trading.sources.multicharts"),
    comma=("Comma line", "trading.sources.comma"),
)
STRATEGY = "mr-1"  # in the templates
