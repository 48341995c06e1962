"""Dead letters back into their queue: those that the consumer kept, and those that the broker set aside."""

import msgspec
import structlog
from aio_pika.abc import AbstractConnection

from bet_intel.shared.messaging import DeadLetters, Message, Queue, reason_of
from bet_intel.shared.rabbitmq.envelope import resent, to_amqp
from bet_intel.shared.rabbitmq.publisher import Publisher
from bet_intel.shared.rabbitmq.topology import Declarer, dead_queue, event_queue

_log = structlog.get_logger(__name__)

_DEFAULT_EXCHANGE = ""


async def redrive(publisher: Publisher, queue: Queue, dead_letters: DeadLetters) -> int:
    """Put every dead letter of `queue` back. Returns how many.

    One that the consumer kept has a single try; one that the broker set aside begins anew.
    """
    connection = await publisher.connector.reach()
    try:
        await Declarer().declare(connection, event_queue(queue))
        kept = await _redrive_kept(publisher, queue, dead_letters)
        return kept + await _redrive_set_aside(publisher, connection, queue)
    finally:
        await connection.close()


async def _redrive_kept(publisher: Publisher, queue: Queue, dead_letters: DeadLetters) -> int:
    moved = 0
    for letter in await dead_letters.kept(queue.name):
        try:
            message = msgspec.msgpack.decode(letter.body, type=Message)
        except msgspec.MsgspecError as error:
            _log.error("dead letter cannot be read", queue=queue.name, id=letter.id, reason=reason_of(error))
            continue
        async with dead_letters.removing(queue.name, letter.id):
            amqp = to_amqp(message, attempts=queue.attempts - 1)
            await publisher.publish(_DEFAULT_EXCHANGE, queue.name, amqp)
        moved += 1
    return moved


async def _redrive_set_aside(publisher: Publisher, connection: AbstractConnection, queue: Queue) -> int:
    moved = 0
    async with connection.channel() as channel:
        dead = await channel.get_queue(dead_queue(queue.name))
        # No more than there are now: one that dies again meanwhile is for the next time.
        for _ in range(dead.declaration_result.message_count or 0):
            message = await dead.get(fail=False)
            if message is None:
                break
            await publisher.publish(_DEFAULT_EXCHANGE, queue.name, resent(message))
            await message.ack()
            moved += 1
    return moved
