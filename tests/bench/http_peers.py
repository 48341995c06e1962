"""Peers of the gateway, each a server of its own: `python -m bench.http_peers raw|sender|fastapi PORT`.

`raw` answers every request with the bytes of the file BENCH_BODY: what a server of this kind cannot do with less.
`sender` sends what is posted to it to everybody who reads from it, and nothing else after a first event that says that
the stream has begun.
`fastapi` reads the first 50 opportunities of BENCH_DSN, as a gateway on FastAPI and SQLAlchemy would.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict
from sqlalchemy import DateTime, ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship

_SHOWN = 50
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def raw() -> Callable[..., Awaitable[None]]:
    body = Path(os.environ["BENCH_BODY"]).read_bytes()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]

    async def answer(scope: dict[str, Any], _receive: object, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    return answer


def sender() -> Callable[..., Awaitable[None]]:
    head = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
    news: asyncio.Future[bytes] | None = None

    async def answer(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        nonlocal news
        if scope["type"] != "http":
            return
        if news is None:
            news = asyncio.get_running_loop().create_future()
        if scope["method"] == "POST":
            told, news = news, asyncio.get_running_loop().create_future()
            told.set_result((await receive())["body"])
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})
            return
        await send(head)
        await send({"type": "http.response.body", "body": b"event: snapshot\n\n", "more_body": True})
        while True:
            await send({"type": "http.response.body", "body": await asyncio.shield(news), "more_body": True})

    return answer


class _Table(DeclarativeBase):
    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012 - as SQLAlchemy wants it


class _Event(_Table):
    __tablename__ = "sporting_event"
    id: Mapped[str] = mapped_column(primary_key=True)
    league_title: Mapped[str]
    home: Mapped[str | None]
    away: Mapped[str | None]
    as_of: Mapped[datetime]


class _Opportunity(_Table):
    __tablename__ = "opportunity"
    id: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(ForeignKey("sporting_event.id"))
    sport: Mapped[str]
    league: Mapped[str]
    commence_time: Mapped[datetime]
    kind: Mapped[str]
    profile: Mapped[str]
    class_: Mapped[str] = mapped_column("class")
    market: Mapped[str]
    period: Mapped[str]
    line: Mapped[float | None]
    subject: Mapped[str]
    category: Mapped[str]
    outcome: Mapped[str]
    bookmaker: Mapped[str]
    side: Mapped[str]
    price: Mapped[float]
    net_price: Mapped[float]
    stake_limit: Mapped[float | None]
    fair: Mapped[float]
    consensus: Mapped[float | None]
    band_low: Mapped[float]
    band_high: Mapped[float]
    ev: Mapped[float]
    ev_worst: Mapped[float]
    dispersion: Mapped[float | None]
    opened_at: Mapped[datetime]
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]
    peak_ev: Mapped[float]
    peak_at: Mapped[datetime]
    last_update: Mapped[datetime | None]
    as_of: Mapped[datetime]
    event: Mapped[_Event] = relationship()


class _OfColumns(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class EventOut(_OfColumns):
    id: str
    league_title: str
    home: str | None
    away: str | None


class OpportunityOut(_OfColumns):
    id: str
    event: EventOut
    sport: str
    league: str
    commence_time: datetime
    kind: str
    profile: str
    class_: str
    market: str
    period: str
    line: float | None
    subject: str
    category: str
    outcome: str
    bookmaker: str
    side: str
    price: float
    net_price: float
    stake_limit: float | None
    fair: float
    consensus: float | None
    band_low: float
    band_high: float
    ev: float
    ev_worst: float
    dispersion: float | None
    opened_at: datetime
    first_seen: datetime
    last_seen: datetime
    peak_ev: float
    peak_at: datetime
    last_update: datetime | None
    as_of: datetime


def fastapi() -> FastAPI:
    engine = create_async_engine(os.environ["BENCH_DSN"], pool_size=10)
    sessions = async_sessionmaker(engine)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)

    async def session() -> AsyncIterator[AsyncSession]:
        async with sessions() as opened:
            yield opened

    @app.get("/v1/opportunities", response_model=list[OpportunityOut])
    async def opportunities(database: Annotated[AsyncSession, Depends(session)], min_ev: float = 0.01) -> Any:
        wanted = (
            select(_Opportunity)
            .where(_Opportunity.profile == "consensus", _Opportunity.ev >= min_ev)
            .where(_Opportunity.class_.in_(("take", "marginal")))
            .order_by(_Opportunity.ev.desc(), _Opportunity.id)
            .limit(_SHOWN)
            .options(joinedload(_Opportunity.event))
        )
        return (await database.scalars(wanted)).all()

    return app


if __name__ == "__main__":
    made: Any = {"raw": raw, "sender": sender, "fastapi": fastapi}[sys.argv[1]]()
    lifespan: Any = "on" if sys.argv[1] == "fastapi" else "off"
    uvicorn.run(
        made,
        port=int(sys.argv[2]),
        access_log=False,
        log_level="error",
        lifespan=lifespan,
        ws="none",
        # Connections wait while others have their turn.
        timeout_keep_alive=600,
    )
