"""What all API routes share: who asks, what they may, how lists go on, how decimals and times are written."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar

from django.db.models import QuerySet, TextChoices
from django.http import HttpRequest
from ninja import Field, Header, Schema
from ninja.errors import AuthenticationError, HttpError
from ninja.security import HttpBearer, SessionAuth
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    field_validator,
)

from tradershub.core.api_keys import IMPORT, READ, WRITE, key_of
from tradershub.core.confirming import proof_of
from tradershub.core.errors import BadInput, NotAllowed, NotFound
from tradershub.core.persons import may_log_in
from tradershub.core.step_up import HEADER
from tradershub.core.validators import BETWEEN, is_countable, is_plain_number

Item = TypeVar("Item")
PAGE, LARGEST_PAGE = 50, 500
LARGEST_NUMBER = 2**63 - 1
ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
ISO_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})",
    re.ASCII | re.IGNORECASE,
)


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") or "0" if "." in text else text


def _exact(value: Any) -> Any:
    """The value, unless it is a float or a text that only a programming language reads as a number."""
    if isinstance(value, float | bool) or isinstance(value, str) and not is_plain_number(value):
        raise ValueError('expected a decimal as text, as "1.25", or a whole number')
    return value


def _iso_day(value: Any) -> Any:
    """The value, unless it would be taken for seconds since 1970. Raises ValueError."""
    if not (isinstance(value, str) and ISO_DAY.fullmatch(value)):
        raise ValueError("expected a day, as 2026-05-01")
    return value


def _iso_moment(value: Any) -> Any:
    """The value, unless it would be taken for seconds since 1970. Raises ValueError."""
    if not (isinstance(value, str) and ISO_MOMENT.fullmatch(value)):
        raise ValueError("expected a day, a time and a zone, as 2026-05-01T12:00:00Z")
    return value


def _utc(value: dt.datetime) -> str:
    return value.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


Number = Annotated[
    Decimal,
    BeforeValidator(_exact),
    Field(max_digits=24, decimal_places=9, allow_inf_nan=False),
    PlainSerializer(_plain, return_type=str),
]
# An answer that was computed: any number of digits.
Figure = Annotated[Decimal, PlainSerializer(_plain, return_type=str)]
Moment = Annotated[dt.datetime, PlainSerializer(_utc, return_type=str)]


def one_of(choices: type[TextChoices]) -> Any:
    """The type of a filter by a closed set: what is none of it is refused, and not answered by nothing."""
    return Literal[tuple(choices.values)]


IdempotencyKey = Annotated[
    str,
    Header(description="Any text of yours: sent twice, the work is done once", max_length=64),
]


def _storable(value: Any) -> Any:
    """The value, unless a database could not keep its text. Raises ValueError."""
    for text in _texts(value):
        if "\x00" in text or not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
            raise ValueError("expected text without NUL and without half characters")
    return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(name)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _in_range(value: Any) -> Any:
    """The value, unless a database or a calendar could not count to it. Raises ValueError."""
    if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        raise ValueError(f"expected a number up to {LARGEST_NUMBER}")
    if isinstance(value, dt.date) and not is_countable(value):
        raise ValueError(f"expected a time {BETWEEN}")
    return value


# What somebody sent: only as ISO 8601 writes it.
GivenDay = Annotated[dt.date, BeforeValidator(_iso_day), AfterValidator(_in_range)]
GivenMoment = Annotated[AwareDatetime, BeforeValidator(_iso_moment), AfterValidator(_in_range)]


class Given(Schema):
    """What somebody sent: its texts can be stored."""

    @field_validator("*", mode="before")
    @classmethod
    def _check(cls, value: Any) -> Any:
        return _storable(value)

    @field_validator("*")
    @classmethod
    def _check_range(cls, value: Any) -> Any:
        return _in_range(value)


class Input(Given):
    """A request body; a field that it does not name is an error."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class ErrorDetail(Schema):
    type: str
    code: str
    message: str
    param: str = ""


class ErrorBody(Schema):
    error: ErrorDetail


class Page(Schema, Generic[Item]):
    """`next` is the cursor of the following page, null on the last."""

    data: list[Item]
    next: str | None


class PageQuery(Given):
    limit: int = Field(PAGE, ge=1, le=LARGEST_PAGE)
    cursor: str = Field("", description="`next` of the page before")


class KeyAuth(HttpBearer):
    """`Authorization: Bearer th_...`; the key's scopes limit what its owner may do."""

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        key = key_of(token)
        if key is None:
            return None
        request.user = key.owner
        request.api_scopes = set(key.scopes)
        key.owner.proof = proof_of(key.owner, request.headers.get(HEADER, ""))
        return key.owner


class NotLoggedIn(AuthenticationError):
    """Only a logged-in person is let in here, and no key."""


class LoginAuth(SessionAuth):
    """A logged-in browser; unsafe methods need the CSRF token, which nobody else is asked for."""

    def __call__(self, request: HttpRequest) -> Any:
        return super().__call__(request) if request.user.is_authenticated else None

    def _get_key(self, request: HttpRequest) -> str | None:
        try:
            return super()._get_key(request)
        except HttpError as error:
            message = "Expected the CSRF token of this session as X-CSRFToken, or an API key"
            raise NotAllowed(message, code="csrf_failed") from error

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        user = super().authenticate(request, key)
        if user is None or not may_log_in(user):
            return None
        request.api_scopes = {READ, WRITE, IMPORT}
        user.proof = proof_of(user, request.headers.get(HEADER, ""), request.session)
        return user


class OnlyLoginAuth(LoginAuth):
    """Raises NotLoggedIn for everybody else: a key must not make keys."""

    def __call__(self, request: HttpRequest) -> Any:
        person = super().__call__(request)
        if person is None:
            raise NotLoggedIn
        return person


def allow(request: HttpRequest, *permissions: str, scope: str = "") -> Any:
    """The person who asks. Raises NotAllowed without the scope or one of the model permissions."""
    needed = scope or (READ if request.method in ("GET", "HEAD") else WRITE)
    if needed not in request.api_scopes:
        raise NotAllowed(f'This key has no scope "{needed}"', code="scope_missing")
    for permission in permissions:
        if not request.user.has_perm(permission):
            raise NotAllowed(f"You may not do this: it needs the permission {permission}")
    return request.user


def one(rows: QuerySet[Any], pk: int, *, what: str) -> Any:
    """The row of that id among those that this person may see. Raises NotFound."""
    row = rows.filter(pk=pk).first()
    if row is None:
        raise NotFound(f"There is no {what} {pk}")
    return row


def page_of(
    rows: QuerySet[Any], query: PageQuery, *, shape: Callable[[Any], Any] = lambda row: row
) -> dict[str, Any]:
    """One page of rows, newest id first, and the cursor of the next."""
    of = rows.model._meta.label_lower
    if query.cursor:
        rows = rows.filter(pk__lt=_position(query.cursor, of=of))
    found = list(rows.order_by("-pk")[: query.limit + 1])
    more = len(found) > query.limit
    shown = found[: query.limit]
    return {
        "data": [shape(row) for row in shown],
        "next": _cursor(shown[-1].pk, of=of) if more else None,
    }


def _cursor(pk: int, *, of: str) -> str:
    return base64.urlsafe_b64encode(f"{of}:{pk}".encode()).decode().rstrip("=")


def _position(cursor: str, *, of: str) -> int:
    try:
        kind, _, pk = base64.urlsafe_b64decode(cursor + "==").decode().partition(":")
        return int(pk) if kind == of else int("")
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise BadInput(
            f'The cursor "{cursor[:40]}" is not one of this list; expected `next` of a page',
            param="cursor",
        ) from error
