"""The labels that docs/operations/metrics.md lists of RabbitMQ's own metrics are those that it gives them."""

from pathlib import Path

import aio_pika
import httpx
import pytest
from aio_pika.abc import AbstractIncomingMessage
from prometheus_client.parser import text_string_to_metric_families

from bet_intel.compose.observability.catalogue import Catalogue
from fixtures.no_tls import NO_TLS
from fixtures.servers import Vhost
from fixtures.waiting import until

pytestmark = pytest.mark.integration

_PAGE = Path(__file__).parents[2] / "docs/operations/metrics.md"


async def test_metrics_of_queues_have_the_labels_that_are_listed(vhost: Vhost) -> None:
    listed = {name: one for name, one in Catalogue.read(_PAGE).foreign.items() if name.startswith("rabbitmq_")}
    connection = await aio_pika.connect(vhost.urls[0])
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("listed", durable=True)
        await channel.default_exchange.publish(aio_pika.Message(b"one"), queue.name)
        await queue.consume(AbstractIncomingMessage.ack)

        async with httpx.AsyncClient(trust_env=False, verify=NO_TLS) as client:

            async def all_have() -> bool:
                ports = [node.prometheus_port for node in vhost.rabbitmq.nodes]
                texts = [(await client.get(f"http://127.0.0.1:{port}/metrics/per-object")).text for port in ports]
                given: dict[str, set[str]] = {}
                for family in (each for text in texts for each in text_string_to_metric_families(text)):
                    for sample in family.samples:
                        if sample.labels.get("queue", queue.name) == queue.name:
                            given.setdefault(sample.name, set(sample.labels))
                return all(labels <= given.get(name, set()) for name, labels in listed.items())

            await until(all_have, timeout=60)
    assert len(listed) == 5
