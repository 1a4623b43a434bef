"""The API: one object, every app's router, one table from error family to status."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import RequestDataTooBig
from django.core.exceptions import ValidationError as Unstorable
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import URLPattern, URLResolver
from django.utils.text import Truncator
from ninja import NinjaAPI, Router
from ninja.errors import (
    AuthenticationError,
    AuthorizationError,
    HttpError,
    ValidationError,
    ValidationErrorContext,
)
from ninja.operation import Operation
from ninja.parser import Parser

from accounts.api import ROUTERS as ACCOUNTS
from brokers.api import ROUTERS as BROKERS
from risk.api import router as risk
from strategies.api import router as strategies
from tradershub.core.api import (
    ErrorBody,
    ErrorDetail,
    KeyAuth,
    LoginAuth,
    NotLoggedIn,
    PageQuery,
)
from tradershub.core.audit import SECRET_WORDS
from tradershub.core.errors import (
    BadInput,
    Conflict,
    HubError,
    Malformed,
    NotAllowed,
    NotFound,
    NotProved,
    TooLarge,
)
from tradershub.core.logs import TOKEN_IN_ADDRESS, current_request_id
from tradershub.core.own_api import router as own
from tradershub.core.second_factor import has_one
from tradershub.core.step_up import HEADER, StepUpNeeded
from tradershub.core.uploads import too_large, was_too_large
from tradershub.core.validation import bad_input
from trading.api import ROUTERS as TRADING

STATUS: dict[type[HubError], int] = {
    Malformed: 400,
    NotProved: 401,
    BadInput: 422,
    NotAllowed: 403,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
}


log = structlog.get_logger("tradershub.api")
LONGEST_MESSAGE = 400  # what somebody sent may stand in it


class BoundedParser(Parser):
    """Refuses an upload over the limit before anybody looks for a file that was dropped."""

    def parse_querydict(
        self, data: QueryDict, list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        if was_too_large(request):
            raise TooLarge(too_large(), param="files")
        return super().parse_querydict(data, list_fields, request)


class HubAPI(NinjaAPI):
    """Operations are called by their function's name, and say what a refusal looks like."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    @property
    def urls(self) -> tuple[list[URLResolver | URLPattern], str, str]:
        """As the library's; a method that an address does not have is refused like everything else."""
        patterns, app_name, namespace = super().urls
        for pattern in patterns:
            pattern.callback = known_methods_only(pattern.callback)
        return patterns, app_name, namespace

    def validation_error_from_error_contexts(
        self, error_contexts: list[ValidationErrorContext]
    ) -> ValidationError:
        """As the library's, with what was found."""
        found = [
            error.get("input")
            for context in error_contexts
            for error in context.pydantic_validation_error.errors(include_url=False)
        ]
        refusal = super().validation_error_from_error_contexts(error_contexts)
        for error, value in zip(refusal.errors, found, strict=True):
            error["found"] = value
        return refusal

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
                operation["responses"]["5XX"] = FAILED
        return schema


ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}}
REFUSED = {"description": "Refused, with one sentence", "content": ERROR}
FAILED = {
    "description": "A fault of the hub, with the id of its lines in the log",
    "content": ERROR,
}


def known_methods_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Gives the library's refusal of a method, a plain text, the body of every other refusal."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **given: Any) -> HttpResponse:
        response = view(request, *args, **given)
        if response.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
            return response
        allowed = ", ".join(sorted(response.headers["Allow"].split(", ")))
        message = f"{request.method} was asked of {request.path[:200]}: expected {allowed}"
        refusal = _answer(request, 405, kind="BadInput", code="method_not_allowed", message=message)
        refusal.headers["Allow"] = allowed
        return refusal

    return answered


def known_filters_only(view: Callable[..., Any]) -> Callable[..., Any]:
    """Refuses a filter that the operation does not have: ignored, it would answer other rows."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **given: Any) -> Any:
        known = set(given)
        for value in given.values():
            known |= set(type(value).model_fields) if isinstance(value, PageQuery) else set()
        unknown = sorted(request.GET.keys() - known)
        if unknown and "rest" not in known:
            expected = ", ".join(sorted(known - {"query"})) or "none"
            message = f'There is no filter "{unknown[0][:40]}"; expected one of {expected}'
            raise BadInput(message, param=unknown[0][:40])
        return view(request, *args, **given)

    return checked


def for_the_known_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Shows the page and the document of the API to a log-in or a key; a browser may log in first."""

    def shown(request: HttpRequest, *args: Any, **given: Any) -> HttpResponse:
        if KeyAuth()(request) or LoginAuth()(request):
            return view(request, *args, **given)
        if request.resolver_match.url_name == "openapi-view":
            return redirect_to_login(request.get_full_path())
        return api.on_exception(request, AuthenticationError())

    return shown


api = HubAPI(
    title="TradersHub",
    version="1",
    description=(
        "Decimals are texts, times are ISO 8601 in UTC. Lists answer `{data, next}`; pass `next` as "
        "`cursor` for the following page. Errors answer `{error: {type, code, message, param}}`. "
        "Authenticate with `Authorization: Bearer KEY` or the session of a logged-in browser. What loosens or "
        "moves real money by hand asks for a code of your second factor as `X-Step-Up: CODE`; without one it "
        "answers 403 `step_up_required`, and does nothing."
    ),
    auth=[KeyAuth(), LoginAuth()],
    parser=BoundedParser(),
    docs_decorator=for_the_known_only,
)
api.add_decorator(known_filters_only)
for router in (*BROKERS, *ACCOUNTS, *TRADING):
    api.add_router("", router)
api.add_router("", strategies)
api.add_router("", risk)
api.add_router("", own)


def _answer(
    request: HttpRequest, status: int, *, kind: str, code: str, message: str, param: str = ""
) -> HttpResponse:
    shown = Truncator(message).chars(LONGEST_MESSAGE)
    error = {"type": kind, "code": code, "message": shown, "param": param}
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


@api.exception_handler(StepUpNeeded)
def _needs_step_up(request: HttpRequest, error: StepUpNeeded) -> HttpResponse:
    sentence = f"{error.refusal or error.message}. Send it as {HEADER}"
    if not has_one(request.user):
        sentence = f"{error.message}, and you have none: set one up on the page Second factor"
    return _answer(request, 403, kind="NotAllowed", code=error.code, message=sentence)


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
    found = None if any(map(SECRET_WORDS.search, path)) else error.get("found")
    said = error["msg"].removeprefix("Value error, ")
    return f"{where}: {said}{_as_sent(found)}"


def _as_sent(found: Any) -> str:
    """As in JSON: 5.5 is a number, "5.5" is a text."""
    if isinstance(found, str):
        return f', found "{found[:60]}"'
    if isinstance(found, bool):
        return f", found {'true' if found else 'false'}"
    return f", found the number {str(found)[:60]}" if isinstance(found, int | float) else ""


@api.exception_handler(Unstorable)
def _unstorable(request: HttpRequest, error: Unstorable) -> HttpResponse:
    return _refused(request, bad_input(error))


@api.exception_handler(RequestDataTooBig)
def _too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20
    return _refused(request, TooLarge(f"The request has more than {limit} MB: expected less"))


@api.exception_handler(AuthenticationError)
def _unknown(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return _answer(
        request,
        401,
        kind="NotAuthenticated",
        code="not_authenticated",
        message="Expected an API key as `Authorization: Bearer KEY`, or a logged-in session",
    )


@api.exception_handler(NotLoggedIn)
def _not_logged_in(request: HttpRequest, error: NotLoggedIn) -> HttpResponse:
    return _answer(
        request,
        401,
        kind="NotAuthenticated",
        code="not_logged_in",
        message="Expected a logged-in session: keys are made and revoked by a person, not by a key",
    )


@api.exception_handler(AuthorizationError)
def _forbidden(request: HttpRequest, error: AuthorizationError) -> HttpResponse:
    return _answer(request, 403, kind="NotAllowed", code="not_allowed", message=str(error))


@api.exception_handler(HttpError)
def _other(request: HttpRequest, error: HttpError) -> HttpResponse:
    message, cause = str(error), error.__cause__
    if isinstance(cause, ValueError | RecursionError):
        message = f"Expected a body of JSON; this one cannot be read: {cause}"
    return _answer(request, error.status_code, kind="BadInput", code="bad_request", message=message)


@api.exception_handler(Http404)
def _missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return _answer(request, 404, kind="NotFound", code="not_found", message="There is nothing here")


@api.exception_handler(Exception)
def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    """Our fault: what broke is for the log alone, whatever DEBUG says."""
    log.error("api_failed", path=request.path, exc_info=error)
    message = (
        f"Something broke in the hub; its log says more under the request {current_request_id()}"
    )
    return _answer(request, 500, kind="InternalError", code="internal_error", message=message)


last = Router()


@last.api_operation(
    ["GET", "POST", "PUT", "PATCH", "DELETE"], "/{path:rest}", auth=None, include_in_schema=False
)
def nothing_here(request: HttpRequest, rest: str) -> HttpResponse:
    """An address that is none of ours is refused like everything else, also to who has no key.

    A sender of signals who wrote a slash too many has none to show.
    """
    path = TOKEN_IN_ADDRESS.sub(r"\1***", request.path)
    slash = ": expected it without the slash at its end" if path.endswith("/") else ""
    raise NotFound(f"There is nothing at {path[:200]}{slash}")


api.add_router("", last)
