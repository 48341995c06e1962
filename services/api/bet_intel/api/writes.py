"""Requests that write: once though they are sent twice, and with a token for the reads that follow."""

import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from bet_intel.api import write_store
from bet_intel.api.auth import caller_of
from bet_intel.api.operation import JSON, read_after
from bet_intel.api.problems import BusyError, HeaderError, ReusedKeyError, UnconfiguredError
from bet_intel.api.write_store import Answer
from bet_intel.shared.outbox import Outbox, UnitOfWork
from bet_intel.shared.postgres import Committed
from bet_intel.shared.secret_box import SecretBox
from bet_intel.shared.times import Clock

IDEMPOTENCY_KEY = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
IDEMPOTENCY = {
    IDEMPOTENCY_KEY: "A name of your own for this request, 1 to 255 printable characters: sent again with it within a "
    "day, the request creates nothing more and gets the answer it got. With another body it is refused (422)."
}
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Written:
    """The answer to a write. `is_secret`: it must not be stored as it is."""

    status: int
    body: msgspec.Struct | None = None
    location: str | None = None
    is_secret: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


Act = Callable[[UnitOfWork], Awaitable[Written]]


class Writes:
    """Runs writes, each in one transaction with what it tells others."""

    def __init__(self, outbox: Outbox, box: SecretBox | None, clock: Clock) -> None:
        self._outbox = outbox
        self._box = box
        self._clock = clock

    async def run(self, act: Act) -> Response:
        committed = Committed()
        async with self._outbox.transaction(committed) as unit:
            written = await act(unit)
        return self._response(written.status, _encoded(written), written.location, committed, written.headers)

    async def create(self, request: Request, body: bytes, act: Act) -> Response:
        """As `run`; with an Idempotency-Key only the first time, later it gives the first answer again.

        Raises:
            HeaderError: the key cannot be used.
            ReusedKeyError: it was used for another request.
            BusyError: the request that has it, or another that writes the same, is still under way.
        """
        key = request.headers.get(IDEMPOTENCY_KEY)
        if key is None:
            return await self.run(act)
        if not _KEY.fullmatch(key):
            raise HeaderError(IDEMPOTENCY_KEY, f"{IDEMPOTENCY_KEY} takes 1 to 255 printable ASCII characters.")
        account = caller_of(request).account
        named = f"{request.method} {request.url.path}\n".encode()
        digest = hashlib.blake2b(named + body, digest_size=32).digest()
        committed = Committed()
        async with _not_waited_for_long(), self._outbox.transaction(committed) as unit:
            claimed = await write_store.claim(unit.connection, account, key, digest, self._clock())
            if claimed is None:
                written = await act(unit)
                encoded = _encoded(written)
                closed = self._closed(encoded, written)
                stored = Answer(written.status, written.location, closed, written.is_secret, written.headers)
                await write_store.keep_answer(unit.connection, account, key, stored)
        if claimed is None:
            return self._response(written.status, encoded, written.location, committed, written.headers)
        if claimed.digest != digest:
            raise ReusedKeyError(f"This {IDEMPOTENCY_KEY} was used for another request: take a new one.")
        again = claimed.answer
        headers = {**again.headers, REPLAYED: "true"}
        return self._response(again.status, self._opened(again), again.location, committed, headers)

    def _closed(self, encoded: bytes, written: Written) -> bytes:
        if not written.is_secret:
            return encoded
        if self._box is None:
            raise UnconfiguredError(
                f"To give a secret again, {IDEMPOTENCY_KEY} needs a key that encrypts it: set "
                "BET_INTEL_API_SECRETS_KEY_FILE, or leave the header out."
            )
        return self._box.close(encoded)

    def _opened(self, answer: Answer) -> bytes:
        if not answer.is_secret:
            return answer.body
        if self._box is None:
            raise LookupError("an answer with a secret, and no key to read it with")
        return self._box.open(answer.body)

    def _response(
        self, status: int, body: bytes, location: str | None, committed: Committed, headers: Mapping[str, str]
    ) -> Response:
        sent = dict(headers)
        if location is not None:
            sent["Location"] = location
        return Response(body, status, sent | read_after(committed), JSON if body else None)


@asynccontextmanager
async def _not_waited_for_long() -> AsyncIterator[None]:
    """A key that is claimed is held from others: what its request waits for must come soon."""
    try:
        yield
    except asyncpg.LockNotAvailableError as error:
        raise BusyError("Another request writes the same and is under way; ask again.") from error


def _encoded(written: Written) -> bytes:
    return b"" if written.body is None else msgspec.json.encode(written.body)
