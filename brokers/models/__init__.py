from brokers.models.broker import Broker
from brokers.models.connection import AdapterState, Connection, Platform, TokenBucket
from brokers.models.instrument import BrokerSymbol, Instrument, SymbolTerms
from brokers.models.market import FxRate, Quote
from brokers.models.venue import VenueEvent, VenueSnapshot

__all__ = [
    "AdapterState",
    "Broker",
    "BrokerSymbol",
    "Connection",
    "FxRate",
    "Instrument",
    "Platform",
    "Quote",
    "SymbolTerms",
    "TokenBucket",
    "VenueEvent",
    "VenueSnapshot",
]
