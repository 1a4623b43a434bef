"""What the hub connects to, and what it never does: real sockets on loopback, names answered by the test."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpcore
import httpx
import pytest

from tradershub import checks
from tradershub.core import net
from tradershub.core.logs import logging_settings


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.heard.append((self.path, dict(self.headers)))
        say = {"/large": b"x" * 200_000, "/moved": b""}
        body = say.get(self.path, b"hello")
        self.send_response(302 if self.path == "/moved" else 200)
        if self.path == "/moved":
            self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
        if self.path == "/packed":
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        served.heard = []
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield served
        served.shutdown()
        thread.join()


def at(server, path="/"):
    return f"http://127.0.0.1:{server.server_port}{path}"


def test_a_kept_client_leaves_its_connection_to_the_next_and_nothing_else(monkeypatch, settings):
    settings.SANDBOX = True
    monkeypatch.setattr(net, "_kept", {})
    heard = []

    class Keeping(Handler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            heard.append((self.client_address, self.headers["Cookie"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.send_header("Set-Cookie", "whose=first")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Keeping) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()

        def lent():
            return net.kept_client(base_url=at(served), timeout=5.0)

        first, second = lent(), lent()
        for client in (first, second):
            client.get("/")
            client.close()
            client.close()  # not into two pairs of hands
        third, fourth, fifth = lent(), lent(), lent()
        for client in (third, fourth, fifth):
            client.get("/")
        served.shutdown()
    assert {third, fourth} == {first, second} and fifth not in (first, second)
    assert len({address for address, _ in heard}) == 3
    assert {cookie for _, cookie in heard} == {None}


@pytest.fixture
def names(monkeypatch):
    """What the name service answers; every name is known here and none of them outside."""
    known: dict[str, list[str]] = {}

    def answer(host, port, *_, **__):
        rows = known.get(host) or [host]
        return [
            (
                socket.AF_INET6 if ":" in one else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (one, port),
            )
            for one in rows
        ]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return known


PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104 - nothing is bound
    "224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fd00:ec2::254", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1",
    "2002:7f00:1::", "2002:c0a8:101::",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_refused_in_every_disguise(names, address):
    names["broker.example"] = [address]
    with pytest.raises(net.AddressRefused):
        net.vetted("broker.example", 443)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1"])
def test_a_number_that_means_this_machine_is_refused(host):
    with pytest.raises(net.AddressRefused):
        net.vetted(host, 443)


def test_a_public_address_is_taken_at_its_port_only(names):
    names["broker.example"] = ["93.184.216.34"]
    assert net.vetted("broker.example", 443) == "93.184.216.34"
    assert net.vetted("broker.example", 5035, ports=(443, 5035)) == "93.184.216.34"
    with pytest.raises(net.AddressRefused, match="expected port 443"):
        net.vetted("broker.example", 22)


def test_a_name_with_one_private_address_among_others_is_refused(names):
    names["broker.example"] = ["93.184.216.34", "10.0.0.1"]
    with pytest.raises(net.AddressRefused):
        net.vetted("broker.example", 443)


def test_a_name_that_changes_its_address_reaches_only_the_one_that_was_judged(monkeypatch, names):
    """Resolved once: the connection goes to the address, not to the name."""
    names["broker.example"] = ["93.184.216.34"]
    asked = []

    def connect(self, host, port, **_):
        names["broker.example"] = ["127.0.0.1"]
        asked.append((host, port))
        raise httpcore.ConnectError("closed")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    with net.client() as client, pytest.raises(httpx.ConnectError):
        client.get("https://broker.example/")
    assert asked == [("93.184.216.34", 443)]


@pytest.mark.parametrize("allowed", ["127.0.0.1:{port}", "localhost:{port}", "127.0.0.0/8"])
def test_what_the_operator_named_is_reached_also_without_tls(settings, server, allowed):
    port = server.server_port
    settings.OUTGOING_ALLOWED = [allowed.format(port=port)]
    host = "localhost" if "localhost" in allowed else "127.0.0.1"
    with net.client() as client:
        assert client.get(f"http://{host}:{port}/").text == "hello"
    assert server.heard[0][1]["Host"] == f"{host}:{port}"


@pytest.mark.parametrize("allowed", ["127.0.0.1:1", "10.0.0.0/8", "broker.example:443"])
def test_another_name_does_not_help(settings, server, allowed):
    settings.OUTGOING_ALLOWED = [allowed]
    with net.client() as client, pytest.raises(net.AddressRefused):
        client.get(at(server))
    assert server.heard == []


def test_in_sandbox_mode_only_this_machine_is_reached(settings, server, names):
    settings.SANDBOX = True
    settings.OUTGOING_ALLOWED = ["10.0.0.0/8"]
    with net.client() as client:
        assert client.get(at(server)).text == "hello"
        for host in ("93.184.216.34", "10.0.0.1", "169.254.169.254"):
            with pytest.raises(net.AddressRefused, match="sandbox"):
                client.get(f"https://{host}/")


def test_nothing_is_said_without_tls_nor_with_a_password_in_the_address(names):
    names["broker.example"] = ["93.184.216.34"]
    with net.client() as client:
        with pytest.raises(net.AddressRefused, match="without TLS"):
            client.get("http://broker.example/")
        with pytest.raises(net.AddressRefused, match="name and password"):
            client.get("https://ada:canary@broker.example/")


@pytest.mark.parametrize(
    "url",
    [
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::ffff:169.254.169.254]/",
        "https://good.example@10.0.0.1/",
        "https://good.example%2f@10.0.0.1/",
        "https://10.0.0.1\\@good.example/",
        "https://good.example#@10.0.0.1/",
    ],
)
def test_an_address_that_reads_like_another_reaches_neither(names, monkeypatch, url):
    def connect(*_: object, **__: object) -> None:
        raise AssertionError("something was connected to")

    names |= {"good.example": ["10.0.0.1"], "2130706433": ["127.0.0.1"], "0x7f.1": ["127.0.0.1"]}
    monkeypatch.setattr(socket.socket, "connect", connect)
    with net.client() as client, pytest.raises((net.AddressRefused, httpx.InvalidURL)):
        client.get(url)


def test_a_redirect_is_not_followed(settings, server):
    settings.OUTGOING_ALLOWED = ["127.0.0.0/8"]
    with net.client() as client:
        assert client.get(at(server, "/moved")).status_code == 302
    assert [path for path, _ in server.heard] == ["/moved"]


def test_a_proxy_of_the_environment_is_not_used(settings, server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    settings.OUTGOING_ALLOWED = ["127.0.0.0/8"]
    with net.client() as client:
        assert client.get(at(server)).text == "hello"


def test_an_answer_too_large_or_packed_is_refused(settings, server):
    settings.OUTGOING_ALLOWED = ["127.0.0.0/8"]
    with net.client() as client:
        with pytest.raises(net.AnswerTooLarge, match="more than 65536 bytes"):
            client.get(at(server, "/large"))
        with pytest.raises(net.AnswerTooLarge, match="packed"):
            client.get(at(server, "/packed"))
    with net.client(largest=300_000) as client:
        assert len(client.get(at(server, "/large")).content) == 200_000


@pytest.fixture
def dripping(settings):
    """A server that sends what it was told at once, then a byte now and then; its address."""
    settings.OUTGOING_ALLOWED = ["127.0.0.0/8"]
    stop, said = threading.Event(), []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip():
            taken, _ = listening.accept()
            with taken:
                taken.recv(1000)
                taken.sendall(said[0])
                while not stop.wait(0.05):
                    try:
                        taken.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()

        def begin(begins: bytes) -> str:
            said.append(begins)
            return f"http://127.0.0.1:{listening.getsockname()[1]}/"

        yield begin
        stop.set()
        thread.join()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n"


@pytest.mark.parametrize("begins", [HEAD + b"\r\n", HEAD + b"X-Slow: ", b"HTTP/1.1 200 "])
def test_an_answer_that_drips_is_given_up_in_time(dripping, begins):
    address = dripping(begins)
    with (
        net.client(timeout=0.3) as client,
        pytest.raises(httpx.ReadTimeout, match=r"did not end in time|timed out"),
    ):
        client.get(address)


def test_a_request_may_be_given_less_time_than_the_others(dripping):
    address, began = dripping(HEAD + b"X-Slow: "), time.monotonic()
    with net.client(timeout=30.0) as client, pytest.raises(httpx.ReadTimeout):
        client.post(address, timeout=0.3)
    assert time.monotonic() - began < 10


def test_no_address_stands_in_the_log(settings, server, caplog):
    """Some hold a token: httpx would write each of them."""
    settings.OUTGOING_ALLOWED = ["127.0.0.0/8"]
    levels = logging_settings(json=True)["loggers"]
    assert (levels["httpx"]["level"], levels["httpcore"]["level"]) == ("WARNING", "WARNING")
    with net.client() as client:
        client.get(at(server, "/bot-c4n4ry"))
    assert "c4n4ry" not in caplog.text


def test_certificates_are_checked():
    transport = net.client()._transport
    context = transport._pool._ssl_context
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_secrets_are_taken_out_of_a_text_also_as_an_address_writes_them():
    said = "GET https://x/bot12:34/send?key=a%2Fb%20c refused for a/b c"
    assert net.redacted(said, ["12:34", "a/b c", ""]) == (
        "GET https://x/bot[hidden]/send?key=[hidden] refused for [hidden]"
    )


def test_the_start_up_check_finds_a_sandbox_that_leaks(settings, monkeypatch):
    assert checks.sandbox_leaks() == []
    settings.SANDBOX = True
    assert checks.sandbox_leaks() == []
    monkeypatch.setattr(net, "_reason_against", lambda *_, **__: "")
    assert [error.id for error in checks.sandbox_leaks()] == ["tradershub.E002"] * 4


OTHER_WAYS_OUT = re.compile(
    r"urllib\.request|http\.client|import requests|aiohttp|websocket|ftplib|smtplib"
    r"|httpx\.(Async)?(Client|get|post|put|stream|request)\b"
)

# The guard; what asks the hub's own web server on this machine; channels whose sockets the guard judges.
MAY = {"net.py", "doorbell.py", "email.py", "apprise.py"}


def test_no_other_file_opens_a_way_out():
    root = Path(net.__file__).parents[2]
    found = [
        str(path.relative_to(root))
        for folder in checks.FOLDERS
        for path in (root / folder).rglob("*.py")
        if path.name not in MAY and OTHER_WAYS_OUT.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
