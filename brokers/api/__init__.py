"""Brokers, instruments, symbols, terms, rates, platforms and connections over the API."""

from brokers.api.connections import router as connections
from brokers.api.platforms import router as platforms
from brokers.api.tables import router as tables

ROUTERS = (tables, platforms, connections)
