"""Errors as problem details (RFC 9457): the only place that maps errors to HTTP."""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Literal, NamedTuple, Self

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bet_intel.shared.postgres import (
    DatabaseUnavailableError,
    PoolBusyError,
    PrimaryUnavailableError,
    TablesChangedError,
)

_log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
_TYPES = "/problems/"
_REPEATED = 100


class ParameterError(Exception):
    """A query parameter cannot be used as it was given; the message says what is expected."""

    def __init__(self, parameter: str, message: str, *, known: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.known = known


class CursorError(ParameterError):
    """The cursor was not given out for this list with these filters."""

    def __init__(self, message: str) -> None:
        super().__init__("cursor", message)


class BodyError(Exception):
    """The request's body cannot be used as it was sent; the message says what is expected."""

    def __init__(self, message: str, *, too_long: bool = False, wrong_type: bool = False) -> None:
        super().__init__(message)
        self.too_long = too_long
        self.wrong_type = wrong_type


class HeaderError(Exception):
    """A header cannot be used as it was given; the message says what is expected."""

    def __init__(self, header: str, message: str) -> None:
        super().__init__(message)
        self.header = header


class UnauthorizedError(Exception):
    """Who asks has not shown that they may."""


class ForbiddenError(Exception):
    """Nobody may, as things are; the message says what would change that."""


class KeyInUrlError(Exception):
    """A key was sent in the address, where logs keep it."""


class UnconfiguredError(Exception):
    """This installation lacks what the request needs; the message says what to set."""


class PreconditionError(Exception):
    """What is to be replaced is not what the caller has seen."""


class ReusedKeyError(Exception):
    """An Idempotency-Key that was used for another request."""


class TakenError(Exception):
    """There is one already with the name that was given; the message says which."""


class OtherBetError(Exception):
    """The reference of a bet is another bet's; the message says which, and in what they differ."""


class BusyError(Exception):
    """Another request is in the way for the moment."""


class TooLargeError(Exception):
    """More was asked for than one answer may hold; the message says how to ask for less."""


class TooManyRequestsError(Exception):
    """The caller has asked too often; `wait` is the number of seconds until it may again, `policies` whose quota is
    used up."""

    def __init__(self, wait: float, policies: Sequence[str] = ()) -> None:
        super().__init__(f"asked too often, wait {wait:.0f} s")
        self.wait = wait
        self.policies = policies


class NoPlaceError(Exception):
    """As many are under way as there may be at once; the message says of what. `wait` is when to try again (s)."""

    def __init__(self, message: str, wait: float) -> None:
        super().__init__(message)
        self.wait = wait


class OverloadedError(Exception):
    """This gateway has as much to do as it takes."""


class TooLongError(Exception):
    """A part of the request that is not its body is too long; the message says which."""

    def __init__(self, message: str, status: Literal[414, 431]) -> None:
        super().__init__(message)
        self.status = status


class LateBodyError(Exception):
    """The body did not arrive within the `seconds` that a request has."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the body did not arrive within {seconds:g} s")
        self.seconds = seconds


class NotFoundError(Exception):
    """The read model does not know what was asked for."""

    @classmethod
    def of(cls, what: str, id: str, hint: str) -> "NotFoundError":
        return cls(f"There is no {what} {shortened(id)!r}; {hint}")


KNOWN = (
    HTTPException,
    ParameterError,
    CursorError,
    BodyError,
    HeaderError,
    UnauthorizedError,
    ForbiddenError,
    KeyInUrlError,
    BusyError,
    TakenError,
    OtherBetError,
    PreconditionError,
    UnconfiguredError,
    ReusedKeyError,
    NotFoundError,
    TooLargeError,
    TooManyRequestsError,
    NoPlaceError,
    OverloadedError,
    TooLongError,
    LateBodyError,
    TimeoutError,
    DatabaseUnavailableError,
)
"""What a request may end in. Anything else is an internal error."""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong (RFC 9457). `type` names the kind of problem, `detail` says what to do about this one."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    parameter: str | None = None
    """The query parameter or header that is meant."""
    known_parameters: Sequence[str] | None = None
    """What may be asked for instead."""
    violated_policies: Sequence[str] = msgspec.field(default=(), name="violated-policies")
    """The quotas that are used up, as RateLimit-Policy names them."""


def shortened(text: str) -> str:
    """What a caller sent, as far as an answer repeats it."""
    return text if len(text) <= _REPEATED else f"{text[:_REPEATED]}…"


def problem_of(error: Exception, path: str) -> tuple[Problem, dict[str, str]]:
    """The problem that tells of `error`, and the headers that go with it. What is not known is an internal error."""
    path = shortened(path)
    match error:
        case CursorError():
            return _problem("invalid-cursor", "Invalid cursor", 400, str(error), path, parameter="cursor"), {}
        case ParameterError():
            return _problem(
                "invalid-parameter",
                "Invalid query parameter",
                400,
                str(error),
                path,
                parameter=error.parameter or None,
                known_parameters=error.known or None,
            ), {}
        case BodyError(too_long=True):
            return _problem("content-too-large", "Body too large", 413, str(error), path), {}
        case BodyError(wrong_type=True):
            return _problem("unsupported-media-type", "Not JSON", 415, str(error), path), {}
        case BodyError():
            return _problem("invalid-body", "Invalid body", 400, str(error), path), {}
        case TooManyRequestsError():
            seconds = str(math.ceil(error.wait))
            detail = f"This was asked for too often; try again in {seconds} s."
            problem = _problem("quota-exceeded", "Too many requests", 429, detail, path)
            return msgspec.structs.replace(problem, violated_policies=error.policies), {"Retry-After": seconds}
        case NoPlaceError():
            return _problem("no-place", "No place", 429, str(error), path), {"Retry-After": str(math.ceil(error.wait))}
        case OverloadedError() | PoolBusyError():
            detail = "This gateway has as much to do as it takes; try again shortly."
            return _problem("overloaded", "Too much at once", 429, detail, path), {"Retry-After": "1"}
        case TooLongError():
            return _problem("too-long", "Request too long", error.status, str(error), path), {}
        case LateBodyError():
            detail = (
                f"The body did not arrive within {error.seconds:g} s, and nothing was done: send the request in one "
                "piece, with the Content-Length that its body has."
            )
            return _problem("too-slow", "Request too slow", 408, detail, path), {}
        case HeaderError():
            return _problem("invalid-header", "Invalid header", 400, str(error), path, parameter=error.header), {}
        case UnauthorizedError():
            headers = {"WWW-Authenticate": "Bearer"}
            return _problem("unauthorized", "Not authorized", 401, str(error), path), headers
        case ForbiddenError():
            return _problem("forbidden", "Forbidden", 403, str(error), path), {}
        case KeyInUrlError():
            # The address is not repeated, here nor anywhere: it holds a secret.
            detail = (
                "A key never goes into the address, where logs keep it: send Authorization: Bearer KEY, and have an "
                "administrator revoke the one that was sent."
            )
            return Problem(f"{_TYPES}key-in-url", "Key in the address", 400, detail), {}
        case UnconfiguredError():
            return _problem("not-configured", "Not configured", 503, str(error), path), {}
        case BusyError():
            return _problem("conflict", "Conflict", 409, str(error), path), {"Retry-After": "1"}
        case TakenError():
            return _problem("taken", "Already there", 409, str(error), path), {}
        case OtherBetError():
            return _problem("other-bet", "Another bet", 409, str(error), path), {}
        case PreconditionError():
            return _problem("precondition-failed", "It has changed meanwhile", 412, str(error), path), {}
        case ReusedKeyError():
            return _problem("idempotency-key-reused", "Idempotency-Key reused", 422, str(error), path), {}
        case TooLargeError():
            return _problem("export-too-large", "Too many rows", 422, str(error), path), {}
        case NotFoundError():
            return _problem("not-found", "Not found", 404, str(error), path), {}
        case HTTPException(status_code=404):
            detail = f"There is nothing at {path}; /openapi.json lists what there is."
            return _problem("not-found", "Not found", 404, detail, path), {}
        case HTTPException(status_code=405):
            headers = dict(error.headers or {})
            detail = f"This address answers {headers.get('Allow', 'GET')} only."
            return _problem("method-not-allowed", "Method not allowed", 405, detail, path), headers
        case HTTPException():
            return _problem("http-error", "Request refused", error.status_code, error.detail, path), {}
        case TimeoutError():
            detail = "The answer took too long; try again shortly."
            return _problem("unavailable", "Temporarily unavailable", 503, detail, path), {"Retry-After": "1"}
        case PrimaryUnavailableError():
            detail = "Nothing can be written at the moment, and nothing was tried again; try again shortly."
            return _problem("unavailable", "Temporarily unavailable", 503, detail, path), {"Retry-After": "1"}
        case TablesChangedError():
            detail = "The database has just been upgraded, and nothing was done; try again shortly."
            return _problem("unavailable", "Temporarily unavailable", 503, detail, path), {"Retry-After": "1"}
        case DatabaseUnavailableError():
            detail = "The database does not answer; try again shortly."
            return _problem("unavailable", "Temporarily unavailable", 503, detail, path), {"Retry-After": "1"}
        case _:
            detail = "Something went wrong on our side. The log has it under this request's X-Request-Id."
            return _problem("internal", "Internal error", 500, detail, path), {}


def problem_response(error: Exception, path: str) -> Response:
    problem, headers = problem_of(error, path)
    if problem.status == 500:
        _log.error("request failed", path=path, exc_info=error)
    elif problem.status == 503:
        _log.warning("request not answered", path=path, reason=str(error) or type(error).__name__)
    return Response(msgspec.json.encode(problem), problem.status, headers, MEDIA_TYPE)


class Unread(NamedTuple):
    """What answers a request that is not read to its end: it has no path that could be named."""

    status: HTTPStatus
    body: bytes

    @classmethod
    def of(cls, kind: str, title: str, status: HTTPStatus, detail: str) -> Self:
        return cls(status, msgspec.json.encode(Problem(_TYPES + kind, title, status, detail)))


MALFORMED = Unread.of(
    "malformed-request",
    "Malformed request",
    HTTPStatus.BAD_REQUEST,
    "This is not a request of HTTP/1.1: check the request line, the headers, and that the scheme is http.",
)
TOO_LONG_A_HEAD = Unread.of(
    "too-long",
    "Request too long",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "The request line and the headers are longer than they are read.",
)
TOO_SLOW = Unread.of(
    "too-slow",
    "Request too slow",
    HTTPStatus.REQUEST_TIMEOUT,
    "The request line and the headers took too long to arrive; send them in one piece.",
)


async def answer_problem(request: Request, error: Exception) -> Response:
    """Starlette's handler for every error that a route raises."""
    if request.method == "OPTIONS" and isinstance(error, HTTPException) and error.status_code == 405:
        return Response(status_code=204, headers={"Allow": _with_options(error.headers or {})})
    return problem_response(error, request.url.path)


def _with_options(headers: Mapping[str, str]) -> str:
    return ", ".join(sorted({*headers.get("Allow", "GET").replace(" ", "").split(","), "OPTIONS"}))


def _problem(
    kind: str,
    title: str,
    status: int,
    detail: str,
    path: str,
    *,
    parameter: str | None = None,
    known_parameters: Sequence[str] | None = None,
) -> Problem:
    return Problem(_TYPES + kind, title, status, detail, path, parameter, known_parameters)
