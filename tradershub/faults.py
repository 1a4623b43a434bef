"""What a person sees of a request that was too large, or that broke the hub. Neither asks the database."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views import defaults

from tradershub.core.logs import current_request_id

TOO_MUCH = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """413 for a form of too many bytes, fields or files; 400 for all else that cannot be read."""
    if not isinstance(exception, TOO_MUCH):
        return defaults.bad_request(request, exception)
    limits = {
        "megabytes": settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20,
        "upload_megabytes": settings.STATEMENT_MAX_BYTES // 2**20,
        "files": settings.DATA_UPLOAD_MAX_NUMBER_FILES,
    }
    return HttpResponse(render_to_string("413.html", limits), status=413)


def server_error(request: HttpRequest) -> HttpResponse:
    """With the id under which the log says more."""
    page = render_to_string("500.html", {"request_id": current_request_id()})
    return HttpResponse(page, status=500)
