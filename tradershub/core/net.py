"""The one way out: every connection to another host is made here, to an address that was looked at first.

A name is resolved once, all its addresses are judged, and the connection goes to the judged address, so
that a name cannot mean another host a moment later. Allowed are addresses of the open Internet; what is
private (loopback, local networks, link-local with its metadata services, their disguises in IPv6) only
where OUTGOING_ALLOWED names it. In sandbox mode it is the other way round: only loopback, whatever is named.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import Any, cast
from urllib.parse import quote

import httpcore
import httpx
from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
TIMEOUT, CONNECT_TIMEOUT = 5.0, 3.0
LARGEST = 64 * 1024
HIDDEN = "[hidden]"
SHORTEST_SECRET = 4
MOST_KEPT = 4  # clients alike, in one process
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")


class AddressRefused(httpx.ConnectError):
    """The hub does not connect there; nothing was sent."""


class AnswerTooLarge(httpx.ReadError):
    """The answer went on beyond what is taken; what was sent was sent."""


def client(
    *,
    timeout: float = TIMEOUT,
    ports: Collection[int] = (443,),
    trusted: Collection[str] = (),
    largest: int | None = LARGEST,
    kind: type[httpx.Client] = httpx.Client,
    **options: Any,
) -> httpx.Client:
    """An HTTP client that follows no redirect, uses no proxy of the environment and keeps no cookie log.

    timeout: seconds of each request and its answer as a whole; a request may name its own. ports: of public
    hosts. trusted: hosts, as "vault:8200", which the operator named in the settings. largest: bytes of an
    answer; None for a stream, which may also last. `options` go to httpx.Client.
    """
    return kind(
        transport=_Transport(
            ports=frozenset(ports),
            trusted=frozenset(trusted),
            largest=largest,
        ),
        timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT)),
        headers={"Accept-Encoding": "identity", "User-Agent": "TradersHub"},
        follow_redirects=False,
        trust_env=False,
        **options,
    )


def kept_client(**options: Any) -> httpx.Client:
    """The same, for who comes often: closing it leaves its connection to the next who asks alike.

    Until then it is in one pair of hands; each process keeps its own. A platform allows few new connections.
    """
    mark = tuple(sorted(options.items()))
    try:
        found = _kept[mark].pop()
    except LookupError:
        found = cast(_Kept, client(kind=_Kept, **options))
    found.lent_as = mark
    return found


class _Kept(httpx.Client):
    """lent_as: what it was asked for as; None while nobody has it."""

    lent_as: tuple[Any, ...] | None = None

    def close(self) -> None:
        mark, self.lent_as = self.lent_as, None
        if mark is None:
            return
        self.cookies.clear()
        waiting = _kept.setdefault(mark, [])
        if len(waiting) < MOST_KEPT:
            waiting.append(self)
        else:
            super().close()


_kept: dict[tuple[Any, ...], list[_Kept]] = {}
if hasattr(os, "register_at_fork"):  # two processes must not write on one connection
    os.register_at_fork(after_in_child=_kept.clear)


def vetted(
    host: str, port: int, *, ports: Collection[int] = (443,), trusted: Collection[str] = ()
) -> str:
    """The IP address to connect to. Raises AddressRefused where the hub may not, with the reason."""
    found = _resolved(host, port)
    for address in found:
        if reason := _reason_against(address, host, port, ports=ports, trusted=trusted):
            raise AddressRefused(f"The hub does not connect to {host}:{port}: {reason}")
    return str(found[0])


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, as they are and as an address writes them."""
    whole = sorted((one for one in secrets if len(one) >= SHORTEST_SECRET), key=len, reverse=True)
    for secret in whole:
        for form in (secret, quote(secret, safe=""), quote(secret)):
            text = text.replace(form, HIDDEN)
    return text


# -- Addresses ---------------------------------------------------------------------------------
def _resolved(host: str, port: int) -> list[Address]:
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpx.ConnectError(f"{host} is not known to the name service") from error
    return [ipaddress.ip_address(str(row[4][0]).partition("%")[0]) for row in rows]


def _reason_against(
    address: Address, host: str, port: int, *, ports: Collection[int], trusted: Collection[str]
) -> str:
    """Why not, in a few words; empty where nothing speaks against it."""
    real = _undisguised(address)
    if settings.SANDBOX:
        return "" if real.is_loopback else "in sandbox mode nothing leaves this machine"
    if f"{host}:{port}" in trusted or _is_named(real, host, port):
        return ""
    if not real.is_global or real.is_multicast or real.is_reserved:
        return (
            f"{address} is no address of the open Internet, and OUTGOING_ALLOWED does not name it"
        )
    if port not in ports:
        expected = ", ".join(str(one) for one in sorted(ports))
        return f"expected port {expected}"
    return ""


def _undisguised(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64 or address in NAT64_LOCAL:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
    if inner is None and int(address) >> 32 == 0 and int(address) > 1:
        return ipaddress.IPv4Address(int(address))  # ::a.b.c.d, the oldest disguise
    return inner or address


def _is_named(address: Address, host: str, port: int) -> bool:
    """Whether the operator allowed it: "host:port", "10.0.0.5:8443" or "10.0.0.0/8"."""
    return any(_names(one, address, host, port) for one in settings.OUTGOING_ALLOWED)


def _names(allowed: str, address: Address, host: str, port: int) -> bool:
    if "/" in allowed:
        return address in ipaddress.ip_network(allowed, strict=False)
    return allowed in (f"{host}:{port}", f"{address}:{port}", f"[{address}]:{port}")


# -- Transport ---------------------------------------------------------------------------------
class _End(threading.local):
    """When the request under way in this thread is given up, by time.monotonic(); None for never."""

    at: float | None = None

    def left(self, timeout: float | None, late: type[Exception]) -> float | None:
        """Seconds that one more step may take. Raises `late` where there are none."""
        if self.at is None:
            return timeout
        left = self.at - time.monotonic()
        if left <= 0:
            raise late("The answer did not end in time")
        return left if timeout is None else min(timeout, left)


class _Timed(httpcore.NetworkStream):
    """A connection on which every step ends with the request: a server that drips could else take for ever."""

    def __init__(self, plain: httpcore.NetworkStream, end: _End) -> None:
        self._plain, self._end = plain, end

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._plain.read(max_bytes, self._end.left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._plain.write(buffer, self._end.left(timeout, httpcore.WriteTimeout))

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = self._end.left(timeout, httpcore.ConnectTimeout)
        return _Timed(self._plain.start_tls(ssl_context, server_hostname, left), self._end)

    def close(self) -> None:
        self._plain.close()

    def get_extra_info(self, info: str) -> Any:
        return self._plain.get_extra_info(info)


class _Vetting(httpcore.NetworkBackend):
    """Connects to the vetted address; TLS and the Host header keep the name."""

    def __init__(self, *, ports: frozenset[int], trusted: frozenset[str], end: _End) -> None:
        self._ports, self._trusted, self._end = ports, trusted, end
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, **options: Any
    ) -> httpcore.NetworkStream:
        address = vetted(host, port, ports=self._ports, trusted=self._trusted)
        left = self._end.left(timeout, httpcore.ConnectTimeout)
        plain = self._plain.connect_tcp(address, port, timeout=left, **options)
        return _Timed(plain, self._end)

    def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> httpcore.NetworkStream:
        raise AddressRefused(f"The hub does not connect to the socket {path}")


@cache
def _certificates() -> ssl.SSLContext:
    """Whom TLS trusts, read once a process: that takes as long as many an order."""
    return httpx.create_ssl_context(trust_env=False)


class _Transport(httpx.HTTPTransport):
    def __init__(
        self,
        *,
        ports: frozenset[int],
        trusted: frozenset[str],
        largest: int | None,
    ) -> None:
        super().__init__(verify=_certificates(), trust_env=False)
        self._end = _End()
        self._pool = httpcore.ConnectionPool(
            ssl_context=_certificates(),
            network_backend=_Vetting(ports=ports, trusted=trusted, end=self._end),
            keepalive_expiry=20,
        )
        self._trusted, self._largest = trusted, largest

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._check(request.url)
        self._end.at = None if self._largest is None else _end_of(request)
        response = super().handle_request(request)
        if self._largest is None:
            return response
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            response.close()
            raise AnswerTooLarge(f"{request.url.host} answered packed, which was not asked for")
        stream = _Bounded(response.stream, request.url.host, largest=self._largest)
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=stream,
            extensions=response.extensions,
        )

    def _check(self, url: httpx.URL) -> None:
        if url.userinfo:
            raise AddressRefused(f"The address of {url.host} has a name and password in it")
        if url.scheme == "https" or settings.SANDBOX:
            return
        port = url.port or 80
        named = f"{url.host}:{port}" in self._trusted or any(
            _is_named(address, url.host, port) for address in _resolved(url.host, port)
        )
        if not named:
            raise AddressRefused(f"The hub does not speak to {url.host} without TLS")


def _end_of(request: httpx.Request) -> float | None:
    seconds = request.extensions.get("timeout", {}).get("read")
    return None if seconds is None else time.monotonic() + seconds


class _Bounded(httpx.SyncByteStream):
    """An answer that ends with an error beyond its size."""

    def __init__(self, stream: Any, host: str, *, largest: int) -> None:
        self._stream, self._host, self._largest = stream, host, largest

    def __iter__(self) -> Iterator[bytes]:
        taken = 0
        for chunk in self._stream:
            taken += len(chunk)
            if taken > self._largest:
                raise AnswerTooLarge(
                    f"The answer of {self._host} has more than {self._largest} bytes"
                )
            yield chunk

    def close(self) -> None:
        self._stream.close()
