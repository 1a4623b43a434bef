"""Who is at the other end of a request."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The address that asked: what the outermost of our own proxies wrote down, else the peer's.

    Of X-Forwarded-For only the last PROXY_COUNT entries are ours; what stands before them is the
    sender's own claim, and would let a guesser change his address with every guess.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))
    noted = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
    count = settings.PROXY_COUNT
    if not count or len(noted) < count:
        return peer
    try:
        return str(ipaddress.ip_address(noted[-count]))
    except ValueError:
        return peer
