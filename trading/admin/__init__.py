"""The trading app in the admin: one module a subject."""

from trading.admin.orders import LaneAdmin, OrderAdmin, OrderAttemptAdmin
from trading.admin.signals import RouteAdmin, SignalAdmin, SignalSourceAdmin

__all__ = [
    "LaneAdmin",
    "OrderAdmin",
    "OrderAttemptAdmin",
    "RouteAdmin",
    "SignalAdmin",
    "SignalSourceAdmin",
]
