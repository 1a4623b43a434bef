"""What a platform's settings are: read from plain data, written as plain data, described for a form."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, get_type_hints

from brokers.adapters.base import Settings

WHOLE = re.compile(r"[+-]?[0-9]{1,15}")
DECIMAL = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,9})?")
YES, NO = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")
KINDS = (str, int, bool, Decimal)
LONGEST = 300


class WrongSetting(ValueError):
    """A setting that cannot be meant; `name` is its field, "" where several do not fit together."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message


@dataclass(frozen=True, slots=True)
class Described:
    """A field as a form shows it. kind: str, int, bool or Decimal. default: None where one must be given."""

    name: str
    label: str
    kind: type
    help_text: str
    default: Any
    required: bool
    secret: bool
    choices: tuple[tuple[str, str], ...]


def described(settings: type[Settings]) -> tuple[Described, ...]:
    """The fields in their order. Raises TypeError for a field of another kind than a form can show."""
    hints = get_type_hints(settings)
    return tuple(_described(field, hints[field.name]) for field in dataclasses.fields(settings))


def _described(field: dataclasses.Field[Any], kind: Any) -> Described:
    if kind not in KINDS:
        raise TypeError(f"The setting {field.name} is a {kind}: expected str, int, bool or Decimal")
    required = field.default is dataclasses.MISSING
    return Described(
        name=field.name,
        label=field.metadata.get("label") or field.name.replace("_", " ").capitalize(),
        kind=kind,
        help_text=field.metadata.get("help_text", ""),
        default=None if required else field.default,
        required=required,
        secret=field.metadata.get("secret", False),
        choices=tuple(field.metadata.get("choices", ())),
    )


def secret_names(settings: type[Settings]) -> list[str]:
    return [field.name for field in described(settings) if field.secret]


def from_plain(settings: type[Settings], given: Mapping[str, Any]) -> Settings:
    """The settings as their class has them; what nobody gave is its default, secrets stay empty.

    Names that the class does not have are passed over, as those of an earlier version. Raises WrongSetting.
    """
    values = {field.name: _value(field, given.get(field.name)) for field in described(settings)}
    try:
        return settings(**values)
    except WrongSetting:
        raise
    except ValueError as error:
        raise WrongSetting("", str(error)) from error


def to_plain(settings: Settings) -> dict[str, Any]:
    """The same as JSON keeps it, without the secrets."""
    return {
        field.name: _plain(getattr(settings, field.name))
        for field in described(type(settings))
        if not field.secret
    }


def _plain(value: Any) -> Any:
    return f"{value:f}" if isinstance(value, Decimal) else value


def _value(field: Described, found: Any) -> Any:
    if field.secret:
        return "" if field.required else field.default
    if isinstance(found, str):
        found = found.strip()
    if found is None or found == "":
        if field.required:
            raise WrongSetting(field.name, f"{field.label}: expected a value, found none")
        if found is None or field.kind is not str:
            return field.default
    value = _read(field, found)
    if field.choices and value not in [key for key, _ in field.choices]:
        expected = ", ".join(str(key) for key, _ in field.choices)
        raise WrongSetting(
            field.name, f'{field.label}: expected one of {expected}, found "{value}"'
        )
    return value


def _read(field: Described, found: Any) -> Any:
    text = str(found)
    if field.kind is str and isinstance(found, str) and len(text) <= LONGEST and text.isprintable():
        return text
    if field.kind is bool and text.lower() in YES + NO:
        return text.lower() in YES
    if field.kind is int and not isinstance(found, bool) and WHOLE.fullmatch(text):
        return int(text)
    if field.kind is Decimal and not isinstance(found, float) and DECIMAL.fullmatch(text):
        return Decimal(text)
    expected = {
        str: f"a text of at most {LONGEST} characters in one line",
        bool: "yes or no",
        int: "a whole number",
        Decimal: "a number such as 1.25",
    }[field.kind]
    raise WrongSetting(field.name, f'{field.label}: expected {expected}, found "{text[:40]}"')
