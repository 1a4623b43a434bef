"""Structured logs: a JSON object a line (colours on a terminal), each with its request's id."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils.functional import LazyObject, empty

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,40}")
# An address of signals ends in the token that opens it.
TOKEN_IN_ADDRESS = re.compile(r"(/signals/s[0-9a-f]{14}/)[^/\s?\"']+")
log = structlog.get_logger("tradershub.request")


def without_tokens(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """A processor: no line of the log holds the token of an address."""
    for name, value in event.items():
        if isinstance(value, str) and "/signals/" in value:
            event[name] = TOKEN_IN_ADDRESS.sub(r"\1***", value)
    return event


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def logging_settings(*, json: bool) -> dict[str, Any]:
    """The LOGGING setting; structlog is configured to end in the handler of Python's logging."""
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    ending = (
        [structlog.processors.format_exc_info, without_tokens, structlog.processors.JSONRenderer()]
        if json
        else [without_tokens, structlog.dev.ConsoleRenderer()]
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *ending,
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "django.server": {"level": "WARNING"},
            "django-q": {"level": "WARNING", "handlers": ["stderr"], "propagate": False},
            "axes": {"level": "WARNING"},
            # They write the whole address of each request, and some addresses hold a token.
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
        },
    }


@contextmanager
def quietly(least: int = logging.WARNING) -> Iterator[None]:
    """Keeps what is below `least` off the console, where a person reads what a command says."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(max(level, least))
    try:
        yield
    finally:
        root.setLevel(level)


def current_request_id() -> str:
    """The id bound to the request or task at hand; empty outside of one."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


class RequestLogMiddleware:
    """Binds a request id, answers with it, logs the outcome.

    The id is the caller's own X-Request-ID when that is a plain word.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        started = time.monotonic()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            response["X-Request-ID"] = request_id
            self._log(request, response, milliseconds=(time.monotonic() - started) * 1000)
        return response

    def _log(self, request: HttpRequest, response: HttpResponse, *, milliseconds: float) -> None:
        user = known_person(request)
        log.log(
            level_of(request, response),
            "request",
            method=request.method,
            path=request.path,
            status=response.status_code,
            ms=round(milliseconds, 1),
            user=user.pk if user else None,
        )


def known_person(request: HttpRequest) -> Any:
    """Who is logged in, as far as anybody asked: the database may be what broke."""
    user = getattr(request, "user", None)
    if isinstance(user, LazyObject) and user._wrapped is empty:
        return None
    return user if user and user.is_authenticated else None


def level_of(request: HttpRequest, response: HttpResponse) -> int:
    """Failures stand out; what a monitor asks every few seconds stays in the background."""
    if request.path.startswith("/health/"):
        return logging.DEBUG
    return logging.ERROR if response.status_code >= 500 else logging.INFO
