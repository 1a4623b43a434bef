from trading.models.flattening import Flattening
from trading.models.mirror import Lease, Mirror
from trading.models.order import Lane, Order, OrderAttempt, OrderCheck, OrderEvent
from trading.models.signal import Gate, Route, Signal, SignalSource

__all__ = [
    "Flattening",
    "Gate",
    "Lane",
    "Lease",
    "Mirror",
    "Order",
    "OrderAttempt",
    "OrderCheck",
    "OrderEvent",
    "Route",
    "Signal",
    "SignalSource",
]
