"""Bodies of requests: bounded, JSON, and read strictly into a structure."""

from typing import TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from bet_intel.api.problems import BodyError

Body = TypeVar("Body", bound=msgspec.Struct)

_LONGEST = 16_384
_JSON = "application/json"


async def received(request: Request, longest: int = _LONGEST) -> bytes:
    """The body as it was sent.

    Raises:
        BodyError: it is longer than `longest` bytes, or ended before its end.
    """
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > longest:
                raise BodyError(f"The body is longer than {longest} bytes.", too_long=True)
    except ClientDisconnect as error:
        # Nobody reads the answer; but it is no failure of ours either.
        raise BodyError("The connection ended before the body did: send all of it.") from error
    return body


def decoded(body: bytes, structure: type[Body], example: str) -> Body:
    """
    Raises:
        BodyError: it is not what is expected; the message shows `example`.
    """
    if b"\\u0000" in body.lower() or b"\0" in body:
        raise BodyError("The body holds a NUL character, which no name has.")
    try:
        return msgspec.json.decode(body, type=structure)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BodyError(f"The body cannot be used: {error}; expected JSON such as {example}.") from error


def check_json(request: Request) -> None:
    """Only what is sent as JSON: a form of another site's page cannot be.

    Raises:
        BodyError: the Content-Type is another.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _JSON:
        raise BodyError(f"Send the body with Content-Type: {_JSON}.", wrong_type=True)
