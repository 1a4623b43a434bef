"""Decimal fields that are exact on both databases; precision is said once, here.

PostgreSQL: numeric. SQLite, which would store a binary float: a 64-bit integer scaled by 10^9, so that
sums, comparisons and constraints stay exact; the range is then +-9,223,372,036.854775807.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.models.expressions import BaseExpression

SCALE = 9
FACTOR = 10**SCALE
LARGEST = Decimal(2**63 - 1) / FACTOR
DIGITS = 24
LARGEST_NUMERIC = Decimal(10 ** (DIGITS - SCALE)) - Decimal(1).scaleb(-SCALE)


def largest(vendor: str) -> Decimal:
    """The largest figure that a database of this kind keeps."""
    return LARGEST if vendor == "sqlite" else LARGEST_NUMERIC


def largest_in_words(vendor: str) -> str:
    most = f"{largest(vendor):.2f}, the most that the database keeps"
    return f"{most} (SQLite; PostgreSQL keeps more)" if vendor == "sqlite" else most


def to_stored(value: Decimal) -> int:
    """The scaled integer that SQLite keeps. Raises ValidationError beyond nine decimals or the range."""
    scaled = value.scaleb(SCALE)
    if scaled != scaled.to_integral_value():
        raise ValidationError(f"{value:f} has more than {SCALE} decimals")
    if abs(value) > LARGEST:
        raise ValidationError(
            f"A figure or a sum of figures is {value:f}; expected at most {largest_in_words('sqlite')}."
        )
    return int(scaled)


class ExactFormField(forms.DecimalField):
    """Shows a stored number without the zeros at its end."""

    def prepare_value(self, value: Any) -> Any:
        return f"{value.normalize():f}" if isinstance(value, Decimal) else value


class ExactDecimalField(models.DecimalField):
    """A decimal that comes back as it went in, on SQLite too.

    In SQL it adds, subtracts, sums and compares; give such expressions `output_field` of this kind.
    It must not be multiplied or divided there (SQLite would see the scale): do that in Python.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", DIGITS)
        kwargs.setdefault("decimal_places", SCALE)
        super().__init__(*args, **kwargs)

    def get_internal_type(self) -> str:
        return "ExactDecimalField"

    def db_type(self, connection: Any) -> str:
        if connection.vendor == "sqlite":
            return "bigint"
        return f"numeric({self.max_digits}, {self.decimal_places})"

    def cast_db_type(self, connection: Any) -> str:
        return self.db_type(connection)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is None or isinstance(value, BaseExpression):
            return value
        number = value if prepared and isinstance(value, Decimal) else self.to_python(value)
        return to_stored(number) if connection.vendor == "sqlite" else number

    def validate(self, value: Any, model_instance: Any) -> None:
        """Raises ValidationError, too, for a figure that the database could not keep."""
        super().validate(value, model_instance)
        if value is not None and abs(value) > largest(connection.vendor):
            found = f"{value:f}" if value.adjusted() < DIGITS else str(value)
            most = largest_in_words(connection.vendor)
            raise ValidationError(f"{found} is too much; expected at most {most}")

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": ExactFormField, **kwargs})

    def get_db_converters(self, connection: Any) -> list[Any]:
        """PostgreSQL gives decimals as they are."""
        return super().get_db_converters(connection) if connection.vendor == "sqlite" else []

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Decimal | None:
        return None if value is None else Decimal(value).scaleb(-SCALE)


class MoneyField(ExactDecimalField):
    """An amount in the currency of its row, signed from the trader's side: a cost is negative."""


class PriceField(ExactDecimalField):
    """A price in quote currency."""


class LotsField(ExactDecimalField):
    """A volume in lots (contracts)."""


class RateField(ExactDecimalField):
    """A rate, a percentage, or points: a number without a currency."""
