"""What administrators do: each act in one transaction with its entry in the audit log, then told to every gateway."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog
from starlette.requests import Request
from starlette.responses import Response

from bet_intel.api import audit_store
from bet_intel.api.audit_store import Act
from bet_intel.api.auth import caller_of
from bet_intel.api.key_directory import ACCESS_MOVED
from bet_intel.api.writes import Writes, Written
from bet_intel.shared.outbox import UnitOfWork
from bet_intel.shared.times import Clock
from bet_intel.shared.wake import Wake


class Done(NamedTuple):
    """The answer to an act, and what the log says of it; `act` is "" where nothing was changed."""

    written: Written
    act: str
    subject: str
    detail: dict[str, Any]


Doing = Callable[[UnitOfWork], Awaitable[Done]]


@dataclass(frozen=True, slots=True)
class Administration:
    writes: Writes
    wake: Wake
    clock: Clock

    async def run(self, request: Request, doing: Doing) -> Response:
        response = await self.writes.run(lambda unit: self._logged(request, unit, doing))
        self.wake.ring(ACCESS_MOVED)
        return response

    async def create(self, request: Request, body: bytes, doing: Doing) -> Response:
        """As `run`, and once though it is sent twice with an Idempotency-Key."""
        response = await self.writes.create(request, body, lambda unit: self._logged(request, unit, doing))
        self.wake.ring(ACCESS_MOVED)
        return response

    async def _logged(self, request: Request, unit: UnitOfWork, doing: Doing) -> Written:
        written, act, subject, detail = await doing(unit)
        if act:
            caller = caller_of(request)
            request_id = structlog.contextvars.get_contextvars().get("request_id", "")
            entry = Act(self.clock(), caller.account, caller.key, request_id, act, subject, detail)
            await audit_store.append(unit.connection, entry)
        return written
