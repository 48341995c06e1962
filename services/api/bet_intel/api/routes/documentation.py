"""`/docs`: the API's document as a page to read and try, by Swagger UI, without anything from another host."""

import asyncio
import gzip
import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bet_intel.api.operation import NoParameters
from bet_intel.api.pages import HTML
from bet_intel.api.problems import NotFoundError, UnconfiguredError
from bet_intel.api.query import parse
from bet_intel.api.security import CONTENT_SECURITY_POLICY

_PACKAGE = "offapi"
_STYLE, _SCRIPT, _START = "swagger-ui.css", "swagger-ui.js", "start.js"
_FILES = MappingProxyType(
    {_STYLE: ("swagger_style.css", "text/css; charset=utf-8"), _SCRIPT: ("swagger_bundle.js", "text/javascript")}
)
PATHS = ("/docs", *(f"/docs/{name}" for name in (_STYLE, _SCRIPT, _START)))
# Swagger UI draws its icons as data: images. Its requests go to this gateway alone.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>bet-intel: the API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/{_STYLE}">
</head>
<body>
<div id="swagger-ui"></div>
<noscript>This page needs scripts; the document itself is at <a href="openapi.json">openapi.json</a>.</noscript>
<script src="docs/{_SCRIPT}"></script>
<script src="docs/{_START}"></script>
</body>
</html>
""".encode()
# Without `validatorUrl` it would send the document's address to a host of its makers.
_STARTED = b"""\
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  queryConfigEnabled: false,
  validatorUrl: null,
});
"""


class _Asset(NamedTuple):
    body: bytes
    packed: bytes
    media_type: str
    etag: str


class _Documentation:
    def __init__(self) -> None:
        self._assets: Mapping[str, _Asset] | None = None
        self._reading = asyncio.Lock()

    async def page(self, request: Request) -> Response:
        parse(request.url.query, NoParameters)
        return Response(_PAGE, 200, {CONTENT_SECURITY_POLICY: _POLICY, "Cache-Control": "no-cache"}, HTML)

    async def asset(self, request: Request) -> Response:
        parse(request.url.query, NoParameters)
        async with self._reading:
            if self._assets is None:
                self._assets = await asyncio.to_thread(_read)
        name = request.path_params["name"]
        asset = self._assets.get(name)
        if asset is None:
            raise NotFoundError.of("file", name, "/docs is the page.")
        headers = {"ETag": asset.etag, "Cache-Control": "public, max-age=3600", "Vary": "Accept-Encoding"}
        if request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(asset.packed, 200, headers | {"Content-Encoding": "gzip"}, asset.media_type)
        return Response(asset.body, 200, headers, asset.media_type)


def routes() -> list[Route]:
    """Not operations: they belong to no contract."""
    documentation = _Documentation()
    return [
        Route("/docs", documentation.page, methods=["GET"]),
        Route("/docs/{name}", documentation.asset, methods=["GET"]),
    ]


def _read() -> Mapping[str, _Asset]:
    """The files as they are served.

    Raises:
        UnconfiguredError: they are not installed.
    """
    # Not imported: on import the package reads every file that it has.
    found = find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise UnconfiguredError(f"The page needs the package {_PACKAGE}: install bet-intel[api].")
    folder = Path(found.submodule_search_locations[0])
    read = {name: ((folder / file).read_bytes(), media_type) for name, (file, media_type) in _FILES.items()}
    read[_START] = (_STARTED, "text/javascript")
    return {name: _asset(body, media_type) for name, (body, media_type) in read.items()}


def _asset(body: bytes, media_type: str) -> _Asset:
    etag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    return _Asset(body, gzip.compress(body, 6, mtime=0), media_type, etag)
