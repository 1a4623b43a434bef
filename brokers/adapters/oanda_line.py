"""The line to OANDA's REST service: one kept connection, its limits, and what each failure says of an order."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from brokers.adapters.base import Line, Settings, setting
from brokers.adapters.errors import KeyRefused, OutcomeUnknown, Rejected, Unavailable
from brokers.adapters.session import Session
from tradershub.finance.decimals import to_decimal

if TYPE_CHECKING:
    from httpx import Client

HOSTS = {
    "practice": "https://api-fxpractice.oanda.com",
    "live": "https://api-fxtrade.oanda.com",
}
SIMULATOR = "simulator"
CONNECT_SECONDS, READ_SECONDS = 3.0, 15.0
LARGEST = 8 * 1024 * 1024  # bytes of an answer; 500 transactions are about one of these
PER_SECOND, BURST = 100.0, 20  # OANDA takes 120 a second from one address and asks for at most 100
LONGEST_WAIT = 2.0  # seconds for our turn
TOKEN = re.compile(r"[\x21-\x7e]+")
LONGEST_WORDS = 200
NOT_WRITTEN = (
    httpx.ConnectError,  # the name service, TLS, and addresses that the hub refuses, too
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
)
RESET = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class OandaSettings(Settings):
    environment: str = setting(
        "Environment",
        default="practice",
        choices=(
            ("practice", "Practice (fxTrade Practice)"),
            ("live", "Live (fxTrade)"),
            (SIMULATOR, "A simulator on this machine"),
        ),
        help_text="A token of the one does not work for the other.",
    )
    port: int = setting("Port of the simulator", default=0, help_text="0 for OANDA itself.")
    token: str = setting(
        "Token", secret=True, help_text='OANDA calls it "personal access token" or "API key".'
    )

    def __post_init__(self) -> None:
        """Only the port of another host can be given: a token goes to OANDA or to this machine."""
        is_simulated = self.environment == SIMULATOR
        if is_simulated and not 0 < self.port < 65536:
            raise ValueError(f"The simulator's port was {self.port}, expected 1 to 65535")
        if self.port and not is_simulated:
            raise ValueError(f"The port was {self.port}; only a simulator has one, expected 0")

    @property
    def address(self) -> str:
        return HOSTS.get(self.environment) or f"http://127.0.0.1:{self.port}"


class OandaLine:
    """Asks for one account. An answer for another account is handed on by none of the calls.

    line_now: the adapter's line, which others change between two orders.
    """

    def __init__(self, line_now: Callable[[], Line], session: Session) -> None:
        line = line_now()
        is_live = line.settings.environment == "live"
        if is_live != line.live:
            said = "real money" if line.live else "no real money"
            raise Unavailable(
                f"The environment is {line.settings.environment}, and the connection says {said}",
                code="settings",
            )
        self._token = line.secrets.get("token", "")
        if not TOKEN.fullmatch(self._token):
            raise Unavailable("OANDA needs a token, found none that can be sent", code="secrets")
        self._line_now, self._session = line_now, session
        self._client: Client | None = None

    @property
    def _line(self) -> Line:
        return self._line_now()

    def close(self) -> None:
        if self._client:
            self._client.close()
            self._client = None

    # -- Reading -------------------------------------------------------------------------------
    def accounts(self) -> Json:
        """The accounts that the token reaches."""
        return self._found(self._read("/v3/accounts", {}))

    def candles(self, instrument: str, **params: Any) -> Json:
        return self._found(self._read(f"/v3/instruments/{part(instrument)}/candles", params))

    def get(self, path: str = "", **params: Any) -> Json:
        """What is there of the account. Raises Unavailable where nothing is."""
        return self._found(self._read(self._path(path), params))

    def find(self, path: str) -> Json | None:
        """The same, None where OANDA has nothing there."""
        return self._read(self._path(path), {})

    def _read(self, path: str, params: Mapping[str, Any]) -> Json | None:
        answer = self._asked_twice(path, params)
        found = _object(answer)
        if answer.status_code == httpx.codes.NOT_FOUND and found is not None:
            return None
        if answer.status_code != httpx.codes.OK or found is None:
            raise self._unavailable(answer.status_code, found)
        if other := _stranger(found, self._line.number):
            raise Unavailable(other, code="wrong_account")
        return found

    def _asked_twice(self, path: str, params: Mapping[str, Any]) -> httpx.Response:
        """Once more after the reset of a connection that lay idle: to read twice is to read once."""
        try:
            with suppress(*RESET):
                return self._asked("GET", path, params=params)
            return self._asked("GET", path, params=params)
        except httpx.HTTPError as error:
            raise self._lost(error) from error

    @staticmethod
    def _found(found: Json | None) -> Json:
        if found is None:
            raise Unavailable("OANDA has nothing there", code="404")
        return found

    # -- Sending -------------------------------------------------------------------------------
    def send(
        self, method: str, path: str, body: Json | None = None, *, expected: int, name: str = ""
    ) -> Json:
        """Send it, once. name: our own of the request, which OANDA notes with what came of it."""
        timeout = httpx.Timeout(
            self._line.deadline, connect=min(self._line.deadline, CONNECT_SECONDS)
        )
        headers = {"ClientRequestID": name} if name else {}
        try:
            answer = self._asked(
                method, self._path(path), json=body or {}, timeout=timeout, headers=headers
            )
        except NOT_WRITTEN as error:
            raise self._lost(error) from error
        except httpx.HTTPError as error:
            text = f"OANDA's answer was lost: {type(error).__name__}"
            raise OutcomeUnknown(text, code="no_answer") from error
        return self._came_to(answer, expected)

    def _came_to(self, answer: httpx.Response, expected: int) -> Json:
        status, found = answer.status_code, _object(answer)
        if status in (401, 403, 429):
            raise self._unavailable(status, found)
        if found is None:
            text = f"OANDA answered {status} with what cannot be read"
            raise OutcomeUnknown(text, code=str(status))
        if other := _stranger(found, self._line.number):
            raise OutcomeUnknown(other, code="wrong_account")
        if status == expected:
            return found
        if status in (400, 404, 405):
            raise self._refusal(status, found)
        raise OutcomeUnknown(f"OANDA answered {status}", code=str(status))

    def _refusal(self, status: int, found: Json) -> Rejected:
        rejects = [one for name, one in _transactions(found) if name.endswith("RejectTransaction")]
        reasons = [one.get("rejectReason") for one in rejects] + [found.get("errorCode")]
        code = next((reason for reason in reasons if isinstance(reason, str) and reason), "")
        said = worded(code) if code else self._words(found)
        return Rejected(f"OANDA refused it: {said}", code=code[:60] or str(status))

    # -- How -----------------------------------------------------------------------------------
    def _path(self, path: str) -> str:
        account = f"/v3/accounts/{part(self._line.number)}"
        return f"{account}/{path}" if path else account

    def _asked(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Raises Unavailable before anything is written, and what httpx raises."""
        self._take_turn()
        if method != "GET":
            self._line.last_look()
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept-Datetime-Format": "RFC3339",
            **options.pop("headers", {}),
        }
        return self._opened().request(method, path, headers=headers, **options)

    def _opened(self) -> Client:
        if self._client is None:
            address = self._line.settings.address
            self._client = self._line.client(
                base_url=address, timeout=READ_SECONDS, largest=LARGEST
            )
        return self._client

    def _take_turn(self) -> None:
        try:
            wait = self._session.take(
                "rest", per_second=PER_SECOND, burst=BURST, longest=LONGEST_WAIT
            )
        except Exception as error:
            text = f"The hub's own memory failed: {type(error).__name__}"
            raise Unavailable(text, code="memory") from error
        if wait > LONGEST_WAIT:
            raise Unavailable("The hub itself asks OANDA too often just now", code="rate")
        if wait > 0:
            time.sleep(wait)

    def _lost(self, error: httpx.HTTPError) -> Unavailable:
        """Nothing was sent, or only something was to be read."""
        words = str(error) if isinstance(error, httpx.ConnectError) else ""
        said = self._clean(words) or type(error).__name__
        return Unavailable(f"OANDA cannot be reached: {said}", code="unreachable")

    def _unavailable(self, status: int, found: Json | None) -> Unavailable:
        said = {
            401: "OANDA refuses the token: is it of this environment, and not revoked?",
            403: f"OANDA forbids it: {self._words(found)}",
            429: "OANDA asks for fewer requests",
        }
        text = said.get(status) or f"OANDA answered {status}{self._besides(found)}"
        kind = KeyRefused if status == 401 else Unavailable
        return kind(text, code=str(status))

    def _besides(self, found: Json | None) -> str:
        return " with what cannot be read" if found is None else f": {self._words(found)}"

    def _words(self, found: Json | None) -> str:
        message = (found or {}).get("errorMessage")
        return self._clean(message) if isinstance(message, str) and message else "without a reason"

    def _clean(self, text: str) -> str:
        shown = "".join(sign for sign in text if sign.isprintable())[:LONGEST_WORDS]
        return shown.replace(self._token, "[hidden]")


def part(name: str) -> str:
    """A name as a part of a path."""
    return quote(name, safe="")


def worded(code: str) -> str:
    """OANDA's reason as words: "INSUFFICIENT_MARGIN" -> "insufficient margin"."""
    corrected = code.replace("MIMIMUM", "MINIMUM").replace("DOESNT", "DOES_NOT")
    return corrected.replace("_", " ").lower()[:LONGEST_WORDS]


def _object(answer: httpx.Response) -> Json | None:
    """The answer's JSON object; None where it is none, or has a number that no figure can be."""
    try:
        found = answer.json(parse_float=to_decimal)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _transactions(found: Json) -> Iterator[tuple[str, Json]]:
    """What is told of transactions, by the name it is told under."""
    for name, value in found.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield name, one


def _stranger(found: Json, number: str) -> str:
    """Another account than ours in the answer, in a sentence; empty where there is none."""
    named = {one["accountID"] for _, one in _transactions(found) if "accountID" in one}
    if isinstance(account := found.get("account"), dict):
        named.add(account.get("id"))
    others = sorted(str(one)[:40] for one in named if one != number)
    return f"OANDA answered for another account: {others[0]}, expected {number}" if others else ""
