"""An amount with its currency. Currencies do not mix: convert first (`fx.py`)."""

from dataclasses import dataclass
from decimal import Decimal

from tradershub.finance.decimals import Rounding, post_money, quantise

# Digits after the point where they are not two (ISO 4217; coins as exchanges book them).
DIGITS = {
    "BCH": 8, "BHD": 3, "BTC": 8, "CLP": 0, "ETH": 8, "ISK": 0, "JOD": 3, "JPY": 0, "KRW": 0,
    "KWD": 3, "LTC": 8, "OMR": 3, "TND": 3, "VND": 0, "XAF": 0, "XBT": 8, "XOF": 0, "XPF": 0,
}  # fmt: skip


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies were added or compared."""


@dataclass(frozen=True, slots=True)
class Money:
    """A signed amount: income positive, cost negative. Unrounded until posted."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def __mul__(self, factor: Decimal | int) -> "Money":
        return Money(self.amount * factor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: "Money") -> bool:
        return self.amount <= self._same(other)

    def __bool__(self) -> bool:
        return bool(self.amount)

    def posted(self, digits: int | None = None) -> "Money":
        """Rounded half-even to the currency's digits, or those given."""
        places = currency_digits(self.currency) if digits is None else digits
        return Money(post_money(self.amount, places), self.currency)

    def rounded(self, digits: int, *, rounding: Rounding = Rounding.HALF_UP) -> "Money":
        """Rounded as the broker does."""
        return Money(quantise(self.amount, digits, rounding=rounding), self.currency)

    def _same(self, other: "Money") -> Decimal:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"expected {self.currency}, found {other.currency}")
        return other.amount


def currency_digits(currency: str) -> int:
    """Digits after the point by ISO 4217. A broker may keep others: then its terms say so."""
    return DIGITS.get(currency, 2)
