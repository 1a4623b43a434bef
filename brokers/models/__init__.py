from brokers.models.broker import Broker
from brokers.models.instrument import BrokerSymbol, Instrument, SymbolTerms
from brokers.models.market import FxRate, Quote

__all__ = ["Broker", "BrokerSymbol", "FxRate", "Instrument", "Quote", "SymbolTerms"]
