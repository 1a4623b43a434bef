"""What a paper connection's form asks: where the prices come from, and how orders fill."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from brokers.adapters.base import Settings, setting
from tradershub.finance.decimals import ZERO


@dataclass(frozen=True, kw_only=True)
class PaperSettings(Settings):
    feed: str = setting(
        "Prices",
        default="synthetic",
        choices=(
            ("synthetic", "Invented, from a seed"),
            ("file", "A file of bars or ticks"),
            ("connection", "Those of another connection"),
        ),
    )
    seed: int = setting("Seed", default=1, help_text="The same seed gives the same prices.")
    daily_move: Decimal = setting(
        "Daily move",
        default=Decimal("0.6"),
        help_text="Invented prices: standard deviation of a day, percent.",
    )
    spread: Decimal = setting(
        "Spread",
        default=Decimal(1),
        help_text="Invented prices and bars of a file: basis points of the price.",
    )
    always_open: bool = setting(
        "Open at weekends", default=False, help_text="Without it, invented prices rest there."
    )
    file: str = setting(
        "File", default="", help_text='Name of a CSV file in the folder "feeds" of the hub\'s data.'
    )
    speed: Decimal = setting(
        "Speed", default=Decimal(1), help_text="File: how many times faster than it was recorded."
    )
    source: str = setting(
        "Connection", default="", help_text="Name of your connection whose prices are taken."
    )
    max_age: int = setting(
        "Oldest price", default=60, help_text="Seconds; nothing is dealt at an older one."
    )
    on_offer: Decimal = setting(
        "Lots on offer", default=ZERO, help_text="At each price and side; 0 for any number."
    )
    slippage_low: int = setting(
        "Least slippage", default=0, help_text="Points worse than the price; may be negative."
    )
    slippage_high: int = setting("Largest slippage", default=0, help_text="Points.")

    def __post_init__(self) -> None:
        if self.slippage_low > self.slippage_high:
            low, high = self.slippage_low, self.slippage_high
            raise ValueError(f"Slippage goes from least to largest, found {low} to {high}")
        for name in ("daily_move", "spread", "on_offer"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} was {getattr(self, name)}, expected 0 or more")
        for name in ("speed", "max_age"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} was {getattr(self, name)}, expected more than 0")
