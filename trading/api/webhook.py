"""The door for signals. It checks who knocks, stores what was said and answers; nothing is decided here."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema, Status

from tradershub.core.clients import client_address
from tradershub.core.errors import TooLarge
from tradershub.core.uploads import SIGNAL_BYTES
from trading.receiving import Message, Receipt, receive

router = Router(tags=["Signals"], auth=None)


class ReceiptOut(Schema):
    """id: of the signal; a message that comes again gets the id of the first."""

    id: int
    state: str = "received"


@router.post(
    "/signals/{source}",
    response={202: ReceiptOut},
    summary="Send a signal, proved by a header",
    openapi_extra={"requestBody": {"required": True, "content": {"*/*": {"schema": {}}}}},
)
def send_signal(request: HttpRequest, source: str) -> Any:
    """The body is of the source's dialect, at most 64 KiB. Sent again, it is counted on the first.

    Answered with 202 once it is stored. 400 and 422 are bodies that are no signal, which are stored too;
    401 a wrong key or signature; 404 an unknown source; 409 an id that came with another body.
    """
    return _receipt(request, source, "")


@router.post(
    "/signals/{source}/{token}",
    response={202: ReceiptOut},
    summary="Send a signal, proved by the address",
    openapi_extra={"requestBody": {"required": True, "content": {"*/*": {"schema": {}}}}},
)
def send_signal_with_token(request: HttpRequest, source: str, token: str) -> Any:
    """As without the token, for senders that can set no header. Keep the address secret."""
    return _receipt(request, source, token)


def _receipt(request: HttpRequest, source: str, token: str) -> Any:
    message = Message(
        body=_body(request),
        headers={name.lower(): value for name, value in request.headers.items()},
        address=client_address(request),
        token=token,
    )
    receipt: Receipt = receive(source, message)
    return Status(202, {"id": receipt.signal.pk})


def _body(request: HttpRequest) -> bytes:
    """The bytes as they were sent. Raises TooLarge, without reading on, for more than a signal may have."""
    announced = request.headers.get("Content-Length", "")
    body = (
        b""
        if announced.isdigit() and int(announced) > SIGNAL_BYTES
        else request.read(SIGNAL_BYTES + 1)
    )
    if len(body) > SIGNAL_BYTES or (announced.isdigit() and int(announced) > SIGNAL_BYTES):
        raise TooLarge(f"A signal has at most {SIGNAL_BYTES} bytes")
    return bytes(body)
