"""Buy and sell. A long position has the side "buy", a short one "sell"."""

from typing import Literal

Side = Literal["buy", "sell"]

OPPOSITE: dict[Side, Side] = {"buy": "sell", "sell": "buy"}

# +1 where a rising price earns, -1 where it costs.
DIRECTION: dict[Side, int] = {"buy": 1, "sell": -1}
