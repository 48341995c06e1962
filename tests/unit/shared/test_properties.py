"""Properties that write themselves look on the wire as the driver would have written them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from aiormq import spec
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.shared.messaging import Message
from bet_intel.shared.rabbitmq.envelope import to_amqp
from bet_intel.shared.rabbitmq.properties import QuickProperties

_SHORT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)


@given(
    texts=st.tuples(_SHORT, _SHORT, _SHORT),
    subject=st.text(st.characters(codec="utf-8"), max_size=300),
    seconds=st.floats(0, 2**37),
    ahead=st.integers(-12, 12),
    revision=st.integers(-(2**63), 2**63 - 1),
    traceparent=st.sampled_from(("", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")),
    attempts=st.integers(0, 70_000),
)
def test_the_bytes_are_those_of_the_driver(
    texts: tuple[str, str, str],
    subject: str,
    seconds: float,
    ahead: int,
    revision: int,
    traceparent: str,
    attempts: int,
) -> None:
    at = datetime.fromtimestamp(seconds, timezone(timedelta(hours=ahead)))
    properties = to_amqp(Message(*texts, subject, at, revision, b"", traceparent), attempts=attempts).properties
    assert isinstance(properties, QuickProperties)
    assert properties.marshal() == spec.Basic.Properties.marshal(properties)


def test_an_id_too_long_for_the_wire_is_refused_as_by_the_driver() -> None:
    message = Message("x" * 256, "odds.changed.v1", "test", "", datetime.now(UTC), 1, b"")
    with pytest.raises(TypeError, match="255"):
        to_amqp(message).properties.marshal()
