"""The trading app over the API: one module a subject."""

from trading.api.flattening import router as flattening
from trading.api.latency import router as latency
from trading.api.orders import router as orders
from trading.api.signals import router as signals
from trading.api.stopping import router as stopping
from trading.api.webhook import router as webhook

ROUTERS = (orders, signals, webhook, stopping, flattening, latency)
