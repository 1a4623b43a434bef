"""Bodies that come in chunks, without a length beforehand: read as far as the limits go.

Django reads as many bytes as were announced, and so none of these.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

from tradershub.core.uploads import FORM_BYTES, SIGNAL_BYTES

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
SIGNALS = "/api/v1/signals/"  # where strangers may knock


def sized(application: Application) -> Application:
    """The WSGI application, told of every body how much of it to read."""

    def call(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not environ.get("CONTENT_LENGTH") and environ["REQUEST_METHOD"] in WITH_BODY:
            _give_length(environ)
        return application(environ, start_response)

    return call


def _give_length(environ: Environ) -> None:
    """Files are counted as they arrive; everything else is small, and one byte over the limit tells."""
    if environ.get("CONTENT_TYPE", "").startswith("multipart/"):
        environ["CONTENT_LENGTH"] = str(settings.STATEMENT_MAX_BYTES + FORM_BYTES)
        return
    is_signal = environ.get("PATH_INFO", "").startswith(SIGNALS)
    most = SIGNAL_BYTES if is_signal else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body = _read(environ["wsgi.input"], most + 1)
    environ["CONTENT_LENGTH"], environ["wsgi.input"] = str(len(body)), io.BytesIO(body)


def _read(stream: Any, most: int) -> bytes:
    body = bytearray()
    while len(body) < most and (part := stream.read(most - len(body))):
        body += part
    return bytes(body)
