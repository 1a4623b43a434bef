"""The API: one object, every app's router, one table from error family to status."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.exceptions import ValidationError as Unstorable
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, AuthorizationError, HttpError, ValidationError
from ninja.operation import Operation

from accounts.api import ROUTERS as ACCOUNTS
from brokers.api import router as brokers
from tradershub.core.api import ErrorBody, ErrorDetail, KeyAuth, LoginAuth
from tradershub.core.errors import BadInput, Conflict, HubError, NotAllowed, NotFound
from tradershub.core.own_api import router as own
from tradershub.core.validation import bad_input

STATUS: dict[type[HubError], int] = {
    BadInput: 422,
    NotAllowed: 403,
    NotFound: 404,
    Conflict: 409,
}


class HubAPI(NinjaAPI):
    """Operations are called by their function's name, and say what a refusal looks like."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(self, **kwargs: Any) -> Any:
        schema = super().get_openapi_schema(**kwargs)
        models = {model.__name__: model for model in (ErrorBody, ErrorDetail)}
        for name, model in models.items():
            schema["components"]["schemas"][name] = model.model_json_schema(
                ref_template="#/components/schemas/{model}"
            )
            schema["components"]["schemas"][name].pop("$defs", None)
        for path in schema["paths"].values():
            for operation in path.values():
                operation["responses"]["4XX"] = REFUSED
        return schema


REFUSED = {
    "description": "Refused, with one sentence",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}},
}

api = HubAPI(
    title="TradersHub",
    version="1",
    description=(
        "Decimals are texts, times are ISO 8601 in UTC. Lists answer `{data, next}`; pass `next` as "
        "`cursor` for the following page. Errors answer `{error: {type, code, message, param}}`. "
        "Authenticate with `Authorization: Bearer KEY` or the session of a logged-in browser."
    ),
    auth=[KeyAuth(), LoginAuth()],
)
api.add_router("", brokers)
for router in ACCOUNTS:
    api.add_router("", router)
api.add_router("", own)


def _answer(
    request: HttpRequest, status: int, *, kind: str, code: str, message: str, param: str = ""
) -> HttpResponse:
    error = {"type": kind, "code": code, "message": message, "param": param}
    return api.create_response(request, {"error": error}, status=status)


@api.exception_handler(HubError)
def _refused(request: HttpRequest, error: HubError) -> HttpResponse:
    status = next(code for family, code in STATUS.items() if isinstance(error, family))
    return _answer(
        request,
        status,
        kind=type(error).__name__,
        code=error.code,
        message=error.message,
        param=error.param,
    )


@api.exception_handler(ValidationError)
def _malformed(request: HttpRequest, error: ValidationError) -> HttpResponse:
    first = error.errors[0]
    path = [str(part) for part in first["loc"] if part not in ("body", "query", "path")]
    return _answer(
        request,
        422,
        kind="BadInput",
        code=str(first["type"]),
        message=_sentence(first, path),
        param=".".join(path[1:] if len(path) > 1 else path),
    )


def _sentence(error: dict[str, Any], path: list[str]) -> str:
    where = ".".join(path) or "The request"
    return f"{where}: {error['msg']}"


@api.exception_handler(Unstorable)
def _unstorable(request: HttpRequest, error: Unstorable) -> HttpResponse:
    return _refused(request, bad_input(error))


@api.exception_handler(RequestDataTooBig)
def _too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20
    message = f"The request has more than {limit} MB: expected less"
    return _answer(request, 413, kind="BadInput", code="too_big", message=message)


@api.exception_handler(AuthenticationError)
def _unknown(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return _answer(
        request,
        401,
        kind="NotAuthenticated",
        code="not_authenticated",
        message="Expected an API key as `Authorization: Bearer KEY`, or a logged-in session",
    )


@api.exception_handler(AuthorizationError)
def _forbidden(request: HttpRequest, error: AuthorizationError) -> HttpResponse:
    return _answer(request, 403, kind="NotAllowed", code="not_allowed", message=str(error))


@api.exception_handler(HttpError)
def _other(request: HttpRequest, error: HttpError) -> HttpResponse:
    return _answer(
        request, error.status_code, kind="BadInput", code="bad_request", message=str(error)
    )


@api.exception_handler(Http404)
def _missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return _answer(request, 404, kind="NotFound", code="not_found", message="There is nothing here")
