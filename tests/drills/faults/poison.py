"""A message that nobody can read in every queue: it is set aside with the reason, and its neighbours do not notice."""

import asyncio
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import aio_pika

from bet_intel.compose.cluster.engines import VHOST
from bet_intel.compose.cluster.fleet import process_of
from bet_intel.compose.databases import SERVICES
from bet_intel.shared.messaging import Message
from bet_intel.shared.rabbitmq.connection import Connector, Nodes, closed
from bet_intel.shared.rabbitmq.envelope import to_amqp
from bet_intel.shared.times import system_clock
from drills.drill import Bound, Fault
from drills.stage import DEAD_TASKS, LETTERS, Stage, StageError
from fixtures.outgoing_amqp import for_driver

_PUT = "poisoned"
_NOT_OURS = ("drills.",)
_SECONDS = 30.0
_REDRIVE_SECONDS = 60.0


def _owner(queue: str) -> str:
    return queue.partition(".")[0].replace("-", "_")


def _has_tasks(queue: str) -> bool:
    return "." not in queue


def _poison(stage: Stage) -> None:
    queues = [
        name for name in stage.depths() if not name.endswith((".dead", ".DQ", ".XQ")) and not name.startswith(_NOT_OURS)
    ]
    asyncio.run(_put(stage.engines.rabbitmq.urls(VHOST)[0], queues))
    stage.notes[_PUT] = queues
    stage.notes[LETTERS] = Counter(_owner(queue) for queue in queues if not _has_tasks(queue))
    # Of a task that cannot be read nobody knows what it was: it stays with the broker.
    stage.notes[DEAD_TASKS] = {f"{queue}.XQ": 1 for queue in queues if _has_tasks(queue)}


async def _put(url: str, queues: list[str]) -> None:
    connection = await Connector(Nodes.parse(url), "drills poison", random.Random(1)).connect()
    try:
        channel = await connection.channel(publisher_confirms=True)
        for queue in queues:
            await channel.default_exchange.publish(_unreadable(queue), queue)
    finally:
        await closed(connection)


def _unreadable(queue: str) -> aio_pika.Message:
    message = Message(f"poison-{queue}", "poison.v1", "drills", "poison", system_clock(), 1, b"\xff no message of ours")
    return for_driver(to_amqp(message))


def _set_aside_and_redriven(stage: Stage) -> list[str]:
    """Each event is in its owner's dead letters; put back, it is there again. Tasks are where the broker put them."""
    expected: Counter[str] = stage.notes[LETTERS]
    first = _letters(stage)
    moved = {service: _redrive(stage, service) for service in expected}
    wrong = [] if first == expected else [f"dead letters are {dict(first)}, not {dict(expected)}"]
    if moved != expected:
        wrong.append(f"redrive put back {moved} of {dict(expected)}")
    tasks: dict[str, int] = stage.notes[DEAD_TASKS]
    if any(stage.depths().get(queue) != number for queue, number in tasks.items()):
        wrong.append(f"dead tasks are not {tasks}")
    try:
        stage.until(lambda: _letters(stage) == expected, _SECONDS, "what was put back is set aside again")
    except StageError as error:
        wrong.append(f"{error}: {dict(_letters(stage))}")
    return wrong


def _letters(stage: Stage) -> Counter[str]:
    found = {service: stage.number(service, "select count(*) from dead_letter") for service in SERVICES}
    return Counter({service: number for service, number in found.items() if number})


def _redrive(stage: Stage, service: str) -> int:
    """As an operator does it, with the settings of a process of the service."""
    member = next(one for one in stage.members() if one.kind.startswith(service.replace("_", "-")))
    pid = process_of(stage.folder, member).find()
    variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    environment = dict(one.decode().split("=", 1) for one in variables if b"=" in one)
    environment.pop("BET_INTEL_METRICS_PORT", None)
    command = [sys.executable, "-m", f"bet_intel.{service}", "redrive"]
    ran = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=_REDRIVE_SECONDS, check=False
    )
    digits = [int(word) for word in ran.stdout.split() if word.isdigit()]
    return digits[0] if digits else 0


FAULTS = (
    Fault(
        "poison",
        "a poison message in every queue",
        Bound(events=5.0, notifications=12.0),
        strike=_poison,
        judge=_set_aside_and_redriven,
    ),
)
