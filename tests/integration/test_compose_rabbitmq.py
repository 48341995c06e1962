"""A node of RabbitMQ as compose runs it: the files of `compose/rabbitmq` and what `compose/secrets.sh` makes, with a
real RabbitMQ, without the image."""

import shutil
import subprocess
import tomllib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial, reduce
from operator import or_
from pathlib import Path
from typing import Any

import aio_pika
import httpx
import pytest
import yaml
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractQueue
from aio_pika.exceptions import AMQPConnectionError
from aiormq.exceptions import ChannelAccessRefused
from yarl import URL

from bet_intel.compose.servers.ports import free_port
from bet_intel.compose.servers.processes import server_account
from bet_intel.compose.servers.programs import RABBITMQ
from bet_intel.shared.dramatiq_workers.broker import task_queue
from bet_intel.shared.messaging import Queue
from bet_intel.shared.rabbitmq.topology import EVENTS, EXCHANGES, Declarer, Topology, event_queue
from fixtures.no_tls import NO_TLS
from fixtures.servers import need
from fixtures.waiting import until

pytestmark = pytest.mark.integration

_PROJECT = Path(__file__).parents[2]
_DECLARED = (_PROJECT / "docs/architecture/dependencies.toml").read_text("utf-8")
_PARTS: Mapping[str, Mapping[str, Any]] = tomllib.loads(_DECLARED)["parts"]
# Alone on the machine, a node is there within ten seconds; beside many others, each on a share of two cores, it took
# more than a hundred and twenty.
_SECONDS = 300.0
_END_SECONDS = 60.0
_OTHERS = "cluster_formation.classic_config.nodes"
# What Debian's RabbitMQ does not know yet.
_NEWER = "quorum_queue.continuous_membership_reconciliation"
# As the image's, which is called when the cookie is in its place.
_ENTRYPOINT = '#!/bin/bash\nexec "$@"\n'


class Node:
    """One that is started by `folder`'s start.sh."""

    def __init__(self, folder: Path, environment: Mapping[str, str], port: int, management: int) -> None:
        self._port = port
        self._management = management
        self._folder = folder
        self._environment = environment
        self._account = server_account()
        self._process: subprocess.Popen[bytes] | None = None

    def address(self, service: str | None = None) -> str:
        """Where a service reaches it, by the secret that its containers are given, or else the administrator."""
        told = self.secret(f"{service.replace('-', '_')}_broker_url" if service else "broker_url")
        return str(URL(told).with_host("127.0.0.1").with_port(self._port))

    def ask(self, login: URL) -> httpx.AsyncClient:
        """Asks its management, as somebody.

        Each question has a connection of its own: a node that refuses one before it has read all of it closes that.
        """
        where = f"http://127.0.0.1:{self._management}/api/"
        password = httpx.BasicAuth(login.user or "", login.password or "")
        alone = httpx.Limits(max_keepalive_connections=0)
        return httpx.AsyncClient(
            base_url=where, auth=password, timeout=_SECONDS, trust_env=False, verify=NO_TLS, limits=alone
        )

    def secret(self, name: str) -> str:
        return (self._folder / "secrets" / name).read_text("utf-8")

    def renew(self, name: str) -> None:
        """Another password, and the node told of it as an operator does."""
        (self._folder / "secrets" / name).write_text("another", "utf-8")
        make_secrets(self._folder)
        made = self._folder / "secrets/rabbitmq_definitions.json"
        assert self.run(["rabbitmqctl", "import_definitions", made]).wait(_SECONDS) == 0, self.said()

    def start(self) -> None:
        self._process = self.run([self._folder / "start.sh"])

    def run(self, command: Sequence[str | Path]) -> subprocess.Popen[bytes]:
        """As the servers' account."""
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                command,
                env=self._environment,
                stdout=log,
                stderr=log,
                user=self._account.uid,
                group=self._account.gid,
            )

    def stop(self) -> None:
        if self._process is not None:
            end(self._process)

    def said(self) -> str:
        return (self._folder / "log").read_text("utf-8", errors="replace")

    async def declare(self, *, passive: bool = False) -> None:
        """The queue `orders`, of no type, as soon as the node lets in who does so; `passive`, it has to be there."""

        async def done() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, self.said()
            with suppress(AMQPConnectionError):
                connection = await aio_pika.connect(self.address())
                async with connection:
                    channel = await connection.channel()
                    await channel.declare_queue("orders", durable=True, passive=passive)
                    return True
            return False

        await until(done, _SECONDS, every=0.5)


def make_secrets(folder: Path) -> Path:
    subprocess.run([folder / "secrets.sh", "--small"], check=True)
    secrets = folder / "secrets"
    secrets.chmod(0o755)  # in a container the files alone are there
    return secrets


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(_END_SECONDS)


@pytest.fixture
def node(open_folder: Path) -> Iterator[Node]:
    need(RABBITMQ)
    shutil.copy(_PROJECT / "compose/secrets.sh", open_folder)
    for beside in ("hosts", "rabbitmq"):
        shutil.copytree(_PROJECT / "compose" / beside, open_folder / beside)
    secrets = make_secrets(open_folder)
    port, management, distribution, mapper = (free_port() for _ in range(4))
    configured = open_folder / "conf.d"
    configured.mkdir()
    text = (_PROJECT / "compose/rabbitmq/rabbitmq.conf").read_text("utf-8")
    text = text.replace("/etc/rabbitmq/definitions.json", str(secrets / "rabbitmq_definitions.json"))
    # The others are not there, and their names belong to nobody.
    text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith((_OTHERS, _NEWER)))
    (configured / "10-bet-intel.conf").write_text(f"{text}{_OTHERS}.1 = rabbit@localhost\n", "utf-8")
    here = {
        "listeners.tcp.default": f"127.0.0.1:{port}",
        "management.tcp.ip": "127.0.0.1",
        "management.tcp.port": management,
        "prometheus.tcp.ip": "127.0.0.1",
        "prometheus.tcp.port": free_port(),
        "disk_free_limit.absolute": "50MB",
    }
    (configured / "90-here.conf").write_text("".join(f"{name} = {one}\n" for name, one in here.items()), "utf-8")
    account = server_account()
    home = open_folder / "home"
    home.mkdir()
    account.give(home)
    start = (_PROJECT / "compose/rabbitmq/start.sh").read_text("utf-8")
    start = start.replace("/run/secrets", str(secrets)).replace("/var/lib/rabbitmq", str(home))
    # The image's account is this test's.
    for name, said in (
        ("start.sh", start.replace("--owner rabbitmq --group rabbitmq ", "")),
        ("docker-entrypoint.sh", _ENTRYPOINT),
    ):
        (open_folder / name).write_text(said, "utf-8")
        (open_folder / name).chmod(0o755)
    environment = {
        "HOME": str(home),
        "PATH": f"{open_folder}:{RABBITMQ.find('rabbitmq-server').parent}:{RABBITMQ.find('epmd').parent}:/usr/bin:/bin",
        "ERL_EPMD_PORT": str(mapper),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": "rabbit@localhost",
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_CONFIG_FILES": str(configured),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(_PROJECT / "compose/rabbitmq/enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(home / "data"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_PID_FILE": str(home / "pid"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "config"),
        "RABBITMQ_FEATURE_FLAGS_FILE": str(home / "feature_flags"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }
    node = Node(open_folder, environment, port, management)
    # Left to the node, the port mapper would be a process that belongs to nobody.
    epmd = node.run([RABBITMQ.find("epmd"), "-port", str(mapper), "-address", "127.0.0.1"])
    try:
        node.start()
        yield node
    finally:
        node.stop()
        end(epmd)


async def test_a_queue_that_says_nothing_of_its_type_is_a_quorum_queue(node: Node) -> None:
    await node.declare()

    async with node.ask(URL(node.address())) as client:
        answer = await client.get("queues/bet-intel/orders")
    assert answer.json()["type"] == "quorum", node.said()

    # What is defined already is defined once more.
    node.stop()
    node.start()
    await node.declare(passive=True)


async def test_publishers_are_stopped_before_the_container_is_full(node: Node) -> None:
    await node.declare()

    limits: list[int] = []
    async with node.ask(URL(node.address())) as client:

        async def told() -> bool:
            limits.extend(one["mem_limit"] for one in (await client.get("nodes")).json() if "mem_limit" in one)
            return bool(limits)

        await until(told, _SECONDS, every=0.5)
    services = yaml.safe_load((_PROJECT / "compose/compose.yaml").read_text("utf-8"))["services"]
    assert services["rabbitmq-1"]["deploy"]["resources"]["limits"]["memory"] == "1G"
    assert limits[0] < 0.7 * 2**30


async def test_a_new_password_counts_once_a_node_has_read_the_definitions_again(node: Node) -> None:
    await node.declare()
    old = node.address("notifier")

    node.renew("notifier_broker_password")

    with pytest.raises(AMQPConnectionError):
        await aio_pika.connect(old)
    async with await aio_pika.connect(node.address("notifier")):
        pass


async def test_a_service_works_with_its_own_queues_and_reaches_nobody_elses(node: Node) -> None:
    await node.declare()
    async with AsyncExitStack() as stack:
        services = {name: await _connected(stack, node, name) for name in _PARTS}
        for name, connection in services.items():
            await Declarer().declare(connection, _used(name))

        for name, connection in services.items():
            channel = await connection.channel()
            events = await channel.get_exchange(EVENTS.name, ensure=False)
            for type_ in (*_PARTS[name]["publishes"], *_PARTS[name]["announces"]):
                await events.publish(aio_pika.Message(b"told"), type_, mandatory=False)
            for queue in _queues(name):
                # A task, or a dead letter once more.
                await channel.default_exchange.publish(aio_pika.Message(b"again"), queue)
        for name, connection in services.items():
            channel = await connection.channel()
            for queue, type_ in _PARTS[name]["queues"].items():
                consumed = await channel.get_queue(queue, ensure=False)
                assert await _until_told(consumed), f"{queue} has nothing of {type_}"
            for refused in _refused(_others(name)):
                with pytest.raises(ChannelAccessRefused):
                    await refused(await connection.channel())
    for name in _PARTS:
        async with node.ask(URL(node.address(name))) as client:
            assert (await client.get("overview")).status_code == 401


async def test_who_asks_how_long_queues_are_can_do_nothing_else(node: Node) -> None:
    await node.declare()
    login = URL(node.address()).with_user("keda").with_password(node.secret("keda_password"))

    async with node.ask(login) as client:
        queue = await client.get("queues/bet-intel/orders")
        taken = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
        refused = [
            await client.post("queues/bet-intel/orders/get", json=taken),
            await client.delete("queues/bet-intel/orders/contents"),
            await client.delete("queues/bet-intel/orders"),
            await client.put("queues/bet-intel/another", json={"durable": True}),
            await client.put("users/another", json={"password": "another", "tags": "administrator"}),
            await client.get("users"),
            await client.get("nodes"),
        ]
    assert queue.json().get("name") == "orders", queue.text
    assert {one.status_code for one in refused} <= {400, 401, 403}, [one.text for one in refused]
    connection = await aio_pika.connect(str(login))
    async with connection:
        for one in _refused(["orders"]):
            with pytest.raises(ChannelAccessRefused):
                await one(await connection.channel())


async def _connected(stack: AsyncExitStack, node: Node, service: str) -> AbstractConnection:
    return await stack.enter_async_context(await aio_pika.connect(node.address(service)))


def _used(service: str) -> Topology:
    """What a service declares."""
    part = _PARTS[service]
    parts = [event_queue(Queue(name, type_)) for name, type_ in part["queues"].items()]
    return reduce(or_, (*parts, *map(task_queue, part["task_queues"])), EXCHANGES)


def _queues(service: str) -> list[str]:
    return sorted(one.name for one in _used(service).queues)


def _others(service: str) -> list[str]:
    return [queue for other in _PARTS if other != service for queue in _queues(other)]


def _refused(queues: Sequence[str]) -> Iterator[Callable[[AbstractChannel], Awaitable[object]]]:
    """What is done to queues of others, or made beside one's own."""

    async def published(channel: AbstractChannel) -> object:
        return await (await channel.get_exchange("amq.fanout", ensure=False)).publish(aio_pika.Message(b""), "")

    for name in queues:
        yield partial(_with, name, lambda queue: queue.get(fail=False))
        yield partial(_with, name, lambda queue: queue.purge())
        yield partial(_with, name, lambda queue: queue.delete(if_unused=False, if_empty=False))
        yield partial(_with, name, lambda queue: queue.bind(EVENTS.name, "odds.changed.v1"))
    yield lambda channel: channel.declare_queue("another", durable=True)
    yield lambda channel: channel.declare_exchange("another")
    yield published


async def _with(name: str, done: Callable[[AbstractQueue], Awaitable[object]], channel: AbstractChannel) -> object:
    return await done(await channel.get_queue(name, ensure=False))


async def _until_told(queue: AbstractQueue) -> bool:
    """Whether an event comes within the time: what is in the queue besides has been put into it by its service."""

    async def told() -> bool:
        message = await queue.get(no_ack=True, fail=False)
        return message is not None and message.body == b"told"

    await until(told, _SECONDS)
    return True
