"""`/v1/status`: how everything behind the gateway is doing."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from bet_intel.api import read_model
from bet_intel.api.answers import (
    Bookmaker,
    BookmakerAge,
    Credits,
    FeedState,
    ProviderState,
    ReadModelState,
    ServiceState,
    Status,
)
from bet_intel.api.domain.accounts import READING
from bet_intel.api.operation import Operation, Question, Reads
from bet_intel.api.query import ReadQuery
from bet_intel.api.read_model import Record
from bet_intel.shared.postgres import Reader
from bet_intel.shared.times import Clock


def operations(reads: Reads, clock: Clock) -> tuple[Operation, ...]:
    async def status(connection: Reader, question: Question, _asked: ReadQuery) -> Status:
        now = clock()
        providers = await read_model.providers(connection)
        heartbeats = await read_model.heartbeats(connection)
        totals = await read_model.totals(connection, question.caller.view)
        position = await read_model.position(connection)
        return Status(
            [_provider(row, now) for row in providers],
            [_service(row, now) for row in heartbeats],
            ReadModelState(
                totals["open_events"],
                totals["open_markets"],
                msgspec.json.decode(totals["open_opportunities"], type=dict[str, int]),
                totals["closed_opportunities"],
                FeedState(position.epoch, position.seq),
            ),
            position.as_of,
        )

    return (
        Operation(
            "/v1/status",
            "getStatus",
            "operation",
            "Providers, services and the read model",
            reads.plain(ReadQuery, status),
            "What is behind this gateway. Whether this process can serve is /readyz.",
            query=ReadQuery,
            answer=Status,
            need=READING,
        ),
    )


def _provider(row: Record, now: datetime) -> ProviderState:
    return ProviderState(
        row["provider"],
        row["state"],
        row["reported_at"],
        _age(row, now),
        row["as_of"],
        row["position"],
        row["total"] or None,
        row["events"],
        row["prices"],
        row["rejections"],
        row["error_kind"] or None,
        row["message"] or None,
        row["polled_at"],
        row["due_at"],
        msgspec.json.decode(row["credits"], type=Credits) if row["credits"] else None,
        [
            BookmakerAge(Bookmaker(key, title), age, norm)
            for key, title, age, norm in msgspec.json.decode(row["ages"], type=list[tuple[str, str, float, float]])
        ],
    )


def _service(row: Record, now: datetime) -> ServiceState:
    return ServiceState(
        row["service"],
        row["version"],
        row["reported_at"],
        _age(row, now),
        row["outbox_depth"],
        row["outbox_age_seconds"],
        row["dead_letters"],
    )


def _age(row: Mapping[str, Any] | Record, now: datetime) -> float:
    seconds: float = (now - row["reported_at"]).total_seconds()
    return seconds
