"""Dead tasks back into their queue: those kept with a reason, and those that nobody could judge."""

import dramatiq
import msgspec
import structlog
from dramatiq.common import xq_name

from bet_intel.shared.dramatiq_workers.broker import decode, encode, task_queue
from bet_intel.shared.messaging import DeadLetters, reason_of
from bet_intel.shared.rabbitmq.connection import closed
from bet_intel.shared.rabbitmq.envelope import Outgoing
from bet_intel.shared.rabbitmq.publisher import Publisher
from bet_intel.shared.rabbitmq.topology import Declarer
from bet_intel.shared.tasks import Task
from bet_intel.shared.times import Clock

_log = structlog.get_logger(__name__)


async def redrive(publisher: Publisher, queue: str, dead_letters: DeadLetters, attempts: int, clock: Clock) -> int:
    """Put every dead letter of `queue` back. Returns how many.

    One that was kept with a reason has a single try; one that the broker set aside begins anew. What cannot be read
    stays where it is, and is logged.
    """

    async def put_back(task: Task, failed: int) -> None:
        body = encode(task, clock, failed)
        await publisher.publish("", queue, Outgoing.plain(body, task.id))

    moved = 0
    connection = await publisher.connector.reach()
    try:
        await Declarer().declare(connection, task_queue(queue))
        for letter in await dead_letters.kept(queue):
            try:
                task = msgspec.msgpack.decode(letter.body, type=Task)
            except msgspec.MsgspecError as error:
                _log.error("dead letter cannot be read", queue=queue, id=letter.id, reason=reason_of(error))
                continue
            async with dead_letters.removing(queue, letter.id):
                await put_back(task, attempts - 1)
            moved += 1
        async with connection.channel() as channel:
            dead = await channel.get_queue(xq_name(queue))
            for _ in range(dead.declaration_result.message_count or 0):
                message = await dead.get(fail=False)
                if message is None:
                    break
                try:
                    task = decode(dramatiq.Message.decode(message.body), queue)
                except dramatiq.DecodeError as error:
                    # Left unconfirmed, so that it is there again once the channel is closed, and not before.
                    _log.error("dead task cannot be read", queue=queue, id=message.message_id, reason=reason_of(error))
                    continue
                await put_back(task, 0)
                await message.ack()
                moved += 1
    finally:
        await closed(connection)
    return moved
