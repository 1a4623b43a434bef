"""The only roundings, and the only crossings between text, Decimal and float."""

import re
from collections.abc import Sequence
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Context,
    Decimal,
)
from enum import StrEnum
from functools import cache

ZERO = Decimal(0)
ONE = Decimal(1)
HUNDRED = Decimal(100)

# A figure beyond this many digits on either side of the point is a fault, not money.
MAX_DIGITS = 30
# Wide enough that a quotient of two such figures is exact or correct to far below any unit.
WIDE = Context(prec=100)

_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")


class Rounding(StrEnum):
    """How a figure loses digits. A term of the broker: statements differ."""

    HALF_UP = ROUND_HALF_UP
    HALF_EVEN = ROUND_HALF_EVEN
    TRUNCATE = ROUND_DOWN
    FLOOR = ROUND_FLOOR
    CEILING = ROUND_CEILING


def to_decimal(value: Decimal | int | str) -> Decimal:
    """The exact Decimal of a plain figure.

    Text may carry a sign, a point and an exponent in ASCII digits, nothing else. Raises ValueError
    for other text, for infinities and for more than 30 digits on either side of the point, and
    TypeError for a float, which has lost its last digits already.
    """
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise TypeError(f"expected Decimal, int or text, found {type(value).__name__} {value!r}")
    if isinstance(value, str) and not _PLAIN.fullmatch(value.strip()):
        raise ValueError(f"expected a number such as -1234.56, found {value[:40]!r}")
    if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
        raise ValueError(f"expected a number of at most {MAX_DIGITS} digits, found a larger one")
    number = Decimal(value.strip() if isinstance(value, str) else value)
    if not number.is_finite():
        raise ValueError(f"expected a finite number, found {number}")
    if number.adjusted() >= MAX_DIGITS or _places(number) > MAX_DIGITS:
        found = str(value)[:40]
        raise ValueError(
            f"expected at most {MAX_DIGITS} digits before and after the point, found {found}"
        )
    return number


def to_float(value: Decimal | None) -> float | None:
    """The nearest float, for statistics only. None stays None."""
    return None if value is None else float(value)


def from_float(value: float) -> Decimal:
    """The Decimal that prints like the float: for statistics on their way out, never for money."""
    return Decimal(repr(value))


def quantise(value: Decimal, digits: int, *, rounding: Rounding = Rounding.HALF_UP) -> Decimal:
    """The value at `digits` decimal places.

    Half-up (ties away from zero) is the "mathematical rounding" of MetaQuotes' documents, which
    brokers' own arithmetic follows. Zero never carries a minus sign.
    """
    rounded = value.quantize(_unit(digits), rounding=rounding, context=WIDE)
    return rounded if rounded else abs(rounded)


@cache
def _unit(digits: int) -> Decimal:
    return ONE.scaleb(-digits)


def post_money(value: Decimal, digits: int) -> Decimal:
    """An amount as we post it ourselves: half-even, so that many postings do not drift upwards."""
    return quantise(value, digits, rounding=Rounding.HALF_EVEN)


def round_to_step(
    value: Decimal, step: Decimal, *, rounding: Rounding = Rounding.TRUNCATE
) -> Decimal:
    """The nearest multiple of `step` by `rounding`; towards zero unless told otherwise.

    Raises ValueError for a step that is not positive.
    """
    if step <= 0:
        raise ValueError(f"a step must be positive, was {step}")
    steps = WIDE.divide(value, step).quantize(ONE, rounding=rounding.value, context=WIDE)
    return WIDE.multiply(steps, step)


def round_price(price: Decimal, tick_size: Decimal) -> Decimal:
    """The price at the nearest tick, ties away from zero."""
    return round_to_step(price, tick_size, rounding=Rounding.HALF_UP)


def round_lots(lots: Decimal, step: Decimal) -> Decimal:
    """The lots down to the broker's step. Raises ValueError for negative lots or step."""
    if lots < 0:
        raise ValueError(f"lots are never negative, were {lots}")
    return round_to_step(lots, step)


def split(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """The amount in parts proportional to the weights, adding up to it exactly.

    Each part is rounded to the amount's own last digit, at least to hundredths; the last part takes
    what is left. Weights are not negative; where all are zero the first part takes everything.
    """
    total = sum(weights, ZERO)
    if not amount or len(weights) == 1 or not total:
        return [amount] + [ZERO] * (len(weights) - 1)
    digits = max(2, _places(amount))
    parts = [quantise(amount * weight / total, digits) for weight in weights[:-1]]
    return [*parts, amount - sum(parts, ZERO)]


def _places(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
