from trading.models.mirror import Lease, Mirror
from trading.models.order import Lane, Order, OrderAttempt, OrderCheck, OrderEvent

__all__ = ["Lane", "Lease", "Mirror", "Order", "OrderAttempt", "OrderCheck", "OrderEvent"]
