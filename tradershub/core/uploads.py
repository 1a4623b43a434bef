"""Uploads go to a file as they arrive and stop at a limit, so that no upload can fill memory or disk."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import StopUpload, TemporaryFileUploadHandler
from django.http import HttpRequest, QueryDict
from django.utils.datastructures import MultiValueDict

from tradershub.core.signs import upload_moves

FORM_BYTES = 2**20  # what stands around the files: fields, names, boundaries
SIGNAL_BYTES = 64 * 1024  # the most that a signal may have


class BoundedUploadHandler(TemporaryFileUploadHandler):
    """A temporary file for every upload; the connection is dropped once all files together pass the limit.

    A program that says beforehand how much it will send is refused before it has sent it: its body is not
    read, and so it hears the answer. A form is read up to the limit, as its token stands in the body.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.received = 0

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, *args: Any, **kwargs: Any
    ) -> tuple[QueryDict, MultiValueDict] | None:
        is_program = "HTTP_AUTHORIZATION" in META
        if not is_program or content_length <= settings.STATEMENT_MAX_BYTES + FORM_BYTES:
            return None
        self.request.upload_was_too_large = True
        return QueryDict(), MultiValueDict()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.received += len(raw_data)
        upload_moves()
        if self.received > settings.STATEMENT_MAX_BYTES:
            self.request.upload_was_too_large = True
            raise StopUpload(connection_reset=True)
        super().receive_data_chunk(raw_data, start)


def was_too_large(request: HttpRequest) -> bool:
    """True once the fields or files of the request were looked at, and were more than the limit."""
    return getattr(request, "upload_was_too_large", False)


def too_large() -> str:
    """The sentence for an upload that is over the limit."""
    limit = settings.STATEMENT_MAX_BYTES // 2**20
    return (
        f"The files are larger than {limit} MB together; send fewer at once, or a shorter period."
    )
