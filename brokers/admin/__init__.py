"""The tables of brokers in the admin."""

from brokers.admin.connections import ConnectionAdmin, PlatformAdmin
from brokers.admin.tables import BrokerAdmin, BrokerSymbolAdmin, InstrumentAdmin, SymbolTermsAdmin

__all__ = [
    "BrokerAdmin",
    "BrokerSymbolAdmin",
    "ConnectionAdmin",
    "InstrumentAdmin",
    "PlatformAdmin",
    "SymbolTermsAdmin",
]
