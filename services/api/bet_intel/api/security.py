"""Headers that keep a browser from doing more with an answer than it is meant for, and who else's pages may read it."""

from collections.abc import Collection, Mapping, Sequence

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bet_intel.api.paging import LINK
from bet_intel.api.problems import ForbiddenError

CONTENT_SECURITY_POLICY = "Content-Security-Policy"
_POLICY = CONTENT_SECURITY_POLICY.lower().encode()
HEADERS: Mapping[bytes, bytes] = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    # An answer is data: shown as a page it may load nothing and be framed by nobody.
    _POLICY: b"default-src 'none'; frame-ancestors 'none'",
}
"""What every answer carries, unless it says otherwise itself."""

_SENT_ACROSS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "Read-After",
    "X-API-Key",
    "X-Request-Id",
)
_READ_ACROSS = (
    "Content-Disposition",
    "Deprecation",
    "ETag",
    "Idempotency-Replayed",
    LINK,
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Read-After",
    "Retry-After",
    "X-Request-Id",
)
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_READ_ONLY = ("GET", "HEAD", "OPTIONS")
_SECONDS = 600


class SecurityHeaders:
    """Pure ASGI: adds HEADERS to every answer that has not set them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                own = {name.lower() for name, _ in headers}
                headers += [pair for pair in HEADERS.items() if pair[0] not in own]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, send_with_headers)


def check_origin(scope: Scope, pages: Collection[str]) -> None:
    """Of callers whom no key shows, who may write because of where they are: a page of another site, open in a browser
    there, is there as well. Its own address a browser says itself.

    Raises:
        ForbiddenError: a page asks that is neither this gateway's own nor of `pages`.
    """
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    if origin is None or scope["method"] in _READ_ONLY or "*" in pages or origin in pages:
        return
    if origin.partition("://")[2].lower() != headers.get("host", "").lower():
        raise ForbiddenError(
            "A page of another site may only read without a key: send a key, or have the operator name the site in "
            "BET_INTEL_API_CORS_ORIGINS."
        )


def safety(cors_origins: Sequence[str]) -> list[Middleware]:
    """The outermost middleware; pages of `cors_origins` may use the API from a browser, those of others may not."""
    if not cors_origins:
        return [Middleware(SecurityHeaders)]
    cors = Middleware(
        CORSMiddleware,
        allow_origins=cors_origins,
        allow_methods=_METHODS,
        allow_headers=_SENT_ACROSS,
        expose_headers=_READ_ACROSS,
        max_age=_SECONDS,
    )
    return [Middleware(SecurityHeaders), cors]
