"""HTTP to The Odds API: where the key is put in, and how much of an answer is taken.

The service takes its key in the query, and a URL gets everywhere: into logs, errors, traces. So the URL of a request
never has it. The key is added below everything that can see a request, as the target of the request line (httpcore's
extension `target`).
"""

import zlib
from urllib.parse import quote

import httpx
from pydantic import SecretStr

_STEP = 1 << 20


class BodyError(Exception):
    """A body that cannot be taken; `too_large` tells why from a broken one."""

    def __init__(self, message: str, *, too_large: bool = False) -> None:
        super().__init__(message)
        self.too_large = too_large


class KeyedTransport(httpx.AsyncBaseTransport):
    """Sends each request with the key in its query; neither the request nor an error of it holds the key."""

    def __init__(self, key: SecretStr, inner: httpx.AsyncBaseTransport) -> None:
        self._key = key
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path
        key = quote(self._key.get_secret_value(), safe="").encode()
        target = path + (b"&" if b"?" in path else b"?") + b"apiKey=" + key
        return await self._inner.handle_async_request(
            httpx.Request(
                request.method,
                request.url,
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "target": target},
            )
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


async def read_body(response: httpx.Response, limit: int) -> bytes:
    """The body of a streamed response, unpacked, of at most `limit` bytes.

    httpx unpacks a piece of gzip whole, however large it gets, and takes a stream that breaks off for a complete one;
    so this reads the bytes as they come.

    Raises:
        BodyError: it is larger, is encoded in a way that was not asked for, or breaks off.
    """
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"gzip", "x-gzip", "identity", ""}:
        raise BodyError(f"the body is encoded as {encoding!r}, which was not asked for")
    unpack = _Gunzip(limit) if "gzip" in encoding else _Plain(limit)
    async for piece in response.aiter_raw():
        unpack.take(piece)
    return unpack.finish()


class _Plain:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._body = bytearray()

    def take(self, piece: bytes) -> None:
        self._body += piece
        if len(self._body) > self._limit:
            raise BodyError(f"the body is larger than {self._limit:,} bytes", too_large=True)

    def finish(self) -> bytes:
        return bytes(self._body)


class _Gunzip(_Plain):
    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._gunzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)

    def take(self, piece: bytes) -> None:
        try:
            while piece and not self._gunzip.eof:
                super().take(self._gunzip.decompress(piece, _STEP))
                piece = self._gunzip.unconsumed_tail
        except zlib.error as error:
            raise BodyError(f"the gzip stream is damaged ({error})") from error

    def finish(self) -> bytes:
        if not self._gunzip.eof:
            raise BodyError("the gzip stream breaks off")
        return super().finish()
