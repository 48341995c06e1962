"""`bet-intel tail`: the events of a running system, as they are published."""

import asyncio
import contextlib
import os
import random
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter, validators

from bet_intel.compose.commands.errors import CommandError, UsageError
from bet_intel.compose.commands.output import printable
from bet_intel.shared.describe import describe
from bet_intel.shared.messaging import Message, TerminalError
from bet_intel.shared.rabbitmq.connection import Connector, Nodes
from bet_intel.shared.rabbitmq.errors import BrokerError
from bet_intel.shared.rabbitmq.tail import tail
from bet_intel.shared.runtime import stop_signals
from bet_intel.shared.telemetry import configure_logging

_URL = "BET_INTEL_BROKER_URL"


def tail_command(
    *,
    types: Annotated[tuple[str, ...], Parameter(name="--type", negative=())] = (),
    url: str | None = None,
    rows: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 5,
    limit: Annotated[int | None, Parameter(validator=validators.Number(gt=0))] = None,
    json: bool = False,
) -> None:
    """Show the events of a running system as they are published, until Ctrl-C.

    Parameters
    ----------
    types:
        Only events of this type: odds.changed.v1, or odds.# for all that begin so. May be given several times.
    url:
        Address of the broker, amqp://user:password@host:port/vhost; by default what BET_INTEL_BROKER_URL says.
    rows:
        How many rows of each table are shown.
    limit:
        End after so many events.
    json:
        One document a line, with all rows.
    """
    address = url or os.environ.get(_URL)
    if not address:
        raise UsageError(f"which broker? Give --url amqp://user:password@host:port/vhost, or set {_URL}.")
    configure_logging("info", json=not sys.stderr.isatty())
    try:
        connector = Connector(Nodes.parse(address), "bet-intel tail", random.Random())  # noqa: S311 - no secret
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_tail(connector, types, rows, limit, json))
    except BrokerError as error:
        raise CommandError(str(error)) from error


async def _tail(connector: Connector, types: tuple[str, ...], rows: int, limit: int | None, json: bool) -> None:
    with stop_signals() as stopped:
        showing = asyncio.ensure_future(_show(tail(connector, types), rows, limit, json))
        waited: set[asyncio.Future[Any]] = {showing, stopped}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if not showing.done():
            showing.cancel()
            await asyncio.wait({showing})
        elif error := showing.exception():
            raise error


async def _show(messages: AsyncIterator[Message], rows: int, limit: int | None, json: bool) -> None:
    shown = 0
    async for message in messages:
        document = _document(message)
        if json:
            sys.stdout.write(msgspec.json.encode(document).decode() + "\n")
        else:
            sys.stdout.writelines(f"{printable(line)}\n" for line in _lines(document, rows))
        sys.stdout.flush()
        shown += 1
        if shown == limit:
            return


def _document(message: Message) -> dict[str, Any]:
    document: dict[str, Any] = {
        "time": message.time.isoformat(timespec="milliseconds"),
        "type": message.type,
        "source": message.source,
        "subject": message.subject,
        "revision": message.revision,
        "id": message.id,
        "traceparent": message.traceparent,
        "bytes": len(message.data),
    }
    try:
        document["data"] = describe(message.type, message.data)
    except TerminalError as error:
        document["error"] = str(error)
    return document


def _lines(document: Mapping[str, Any], rows: int) -> Iterator[str]:
    head = ("time", "type", "subject")
    yield "  ".join(str(document[name]) for name in head) + (
        f"  from {document['source']}, revision {document['revision']}, {document['bytes']} bytes"
    )
    if "error" in document:
        yield f"  {document['error']}"
    data: Mapping[str, Any] = document.get("data", {})
    plain = {name: value for name, value in data.items() if not _is_table(value)}
    if plain:
        yield "  " + _fields(plain)
    for name, value in data.items():
        if _is_table(value) and value:
            yield f"  {name} ({len(value)})"
            yield from (f"    {_fields(row)}" for row in value[:rows])
            if len(value) > rows:
                yield f"    … and {len(value) - rows} more"


def _is_table(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _fields(fields: Mapping[str, Any]) -> str:
    return "  ".join(f"{name}={_text(value)}" for name, value in fields.items() if value not in (None, "", [], {}))


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"({_fields(value)})"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
