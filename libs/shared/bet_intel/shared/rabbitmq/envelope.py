"""The envelope on the wire: CloudEvents 1.0 in binary mode over AMQP, and the properties that brokers and their tools
show."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from aio_pika.abc import AbstractMessage, DeliveryMode, HeadersType
from aiormq import spec

from bet_intel.shared.messaging import Message, TerminalError
from bet_intel.shared.rabbitmq.properties import QuickProperties

CONTENT_TYPE = "application/protobuf"
ATTEMPTS = "bet-intel-attempts"
"""Header: how often a message failed before it was put into the queue again by hand."""

_SPEC = "1.0"
_PREFIX = "cloudEvents:"


class Outgoing(NamedTuple):
    """What is published, as the driver beneath aio-pika takes it; to make an `aio_pika.Message` of it would cost a
    twentieth of all that publishing does."""

    body: bytes
    properties: spec.Basic.Properties

    @classmethod
    def plain(cls, body: bytes, id: str) -> "Outgoing":
        """A message that tells of itself nothing but its id."""
        return cls(body, spec.Basic.Properties(message_id=id, delivery_mode=DeliveryMode.PERSISTENT))


def to_amqp(message: Message, *, attempts: int = 0) -> Outgoing:
    """`attempts` that failed before."""
    headers: HeadersType = {
        "cloudEvents:specversion": _SPEC,
        "cloudEvents:id": message.id,
        "cloudEvents:type": message.type,
        "cloudEvents:source": message.source,
        "cloudEvents:subject": message.subject,
        "cloudEvents:time": message.time.isoformat(),
        "cloudEvents:revision": message.revision,
    }
    if message.traceparent:
        headers["traceparent"] = message.traceparent
    if attempts:
        headers[ATTEMPTS] = attempts
    properties = QuickProperties(
        headers=headers,
        content_type=CONTENT_TYPE,
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=message.id,
        timestamp=message.time,
        message_type=message.type,
        app_id=message.source,
    )
    return Outgoing(message.data, properties)


def from_amqp(body: bytes, headers: Mapping[str, object]) -> Message:
    """Raises:
    TerminalError: it is no event of this version of CloudEvents; names what is missing or wrong.
    """
    version = headers.get("cloudEvents:specversion")
    if version != _SPEC:
        raise TerminalError(f"no CloudEvents {_SPEC} message: cloudEvents:specversion is {version!r}")
    try:
        time = datetime.fromisoformat(_text(headers, "time"))
    except ValueError as error:
        raise TerminalError(f"cloudEvents:time is no time: {error}") from error
    revision = headers.get("cloudEvents:revision", 0)
    if not isinstance(revision, int):
        raise TerminalError(f"cloudEvents:revision is {revision!r}, not a whole number")
    traceparent = headers.get("traceparent", "")
    return Message(
        id=_text(headers, "id"),
        type=_text(headers, "type"),
        source=_text(headers, "source"),
        subject=_text(headers, "subject", ""),
        time=time if time.tzinfo else time.replace(tzinfo=UTC),
        revision=revision,
        data=body,
        traceparent=traceparent if isinstance(traceparent, str) else "",
    )


def attempts_before(headers: Mapping[str, object]) -> int:
    attempts = headers.get(ATTEMPTS, 0)
    return attempts if isinstance(attempts, int) else 0


def deliveries_before(headers: Mapping[str, object]) -> int:
    """How often a quorum queue had it given back."""
    count = headers.get("x-delivery-count", 0)
    return count if isinstance(count, int) else 0


def resent(message: AbstractMessage) -> Outgoing:
    """A message as it was before the broker set it aside, without what that left in its headers."""
    headers = {name: value for name, value in message.headers.items() if not name.startswith("x-")}
    properties = spec.Basic.Properties(
        headers=headers,
        content_type=message.content_type,
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=message.message_id,
        timestamp=message.timestamp,
        message_type=message.type,
        app_id=message.app_id,
    )
    return Outgoing(message.body, properties)


def _text(headers: Mapping[str, object], name: str, default: str | None = None) -> str:
    value = headers.get(_PREFIX + name, default)
    if not isinstance(value, str):
        raise TerminalError(f"{_PREFIX}{name} is {value!r}, not a text")
    return value
