from trading.models.mirror import Lease, Mirror

__all__ = ["Lease", "Mirror"]
