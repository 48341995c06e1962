"""A node of RabbitMQ as compose runs it: the files of `compose/rabbitmq` and what `compose/secrets.sh` makes, with a
real RabbitMQ, without the image."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import aio_pika
import httpx
import pytest
from aio_pika.exceptions import AMQPConnectionError
from yarl import URL

from bet_intel.compose.servers.ports import free_port
from bet_intel.compose.servers.processes import server_account
from bet_intel.compose.servers.programs import RABBITMQ
from fixtures.no_tls import NO_TLS
from fixtures.servers import need
from fixtures.waiting import until

pytestmark = pytest.mark.integration

_PROJECT = Path(__file__).parents[2]
_SECONDS = 120.0
_END_SECONDS = 60.0
_OTHERS = "cluster_formation.classic_config.nodes"
# What Debian's RabbitMQ does not know yet.
_NEWER = "quorum_queue.continuous_membership_reconciliation"
# As the image's, which is called when the cookie is in its place.
_ENTRYPOINT = '#!/bin/bash\nexec "$@"\n'


class Node:
    """One that is started by `folder`'s start.sh: `address` is where the services reach it, `management` its API."""

    def __init__(self, folder: Path, environment: Mapping[str, str], address: str, management: str) -> None:
        self.address = address
        self.management = management
        self._folder = folder
        self._environment = environment
        self._account = server_account()
        self._process: subprocess.Popen[bytes] | None = None

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

    def rotate(self) -> str:
        """As docs/operations/runbooks/rotate-secrets.md; returns the address from now on."""
        secrets = self._folder / "secrets"
        (secrets / "rabbitmq_password").write_text("", "utf-8")
        subprocess.run([self._folder / "secrets.sh"], check=True)
        secrets.chmod(0o755)
        imported = self.run(["rabbitmqctl", "import_definitions", secrets / "rabbitmq_definitions.json"])
        assert imported.wait(_SECONDS) == 0, self.said()
        told = URL((secrets / "broker_url").read_text("utf-8"))
        return str(URL(self.address).with_password(told.password))

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
                connection = await aio_pika.connect(self.address)
                async with connection:
                    channel = await connection.channel()
                    await channel.declare_queue("orders", durable=True, passive=passive)
                    return True
            return False

        await until(done, _SECONDS, every=0.5)


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(_END_SECONDS)


@pytest.fixture
def node(open_folder: Path) -> Iterator[Node]:
    need(RABBITMQ)
    shutil.copy(_PROJECT / "compose/secrets.sh", open_folder)
    shutil.copytree(_PROJECT / "compose/hosts", open_folder / "hosts")
    subprocess.run([open_folder / "secrets.sh", "--small"], check=True)
    secrets = open_folder / "secrets"
    secrets.chmod(0o755)  # in a container the files alone are there
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
    told = URL((secrets / "broker_url").read_text("utf-8"))
    node = Node(
        open_folder,
        environment,
        str(told.with_host("127.0.0.1").with_port(port)),
        str(told.with_scheme("http").with_host("127.0.0.1").with_port(management).with_path("/api")),
    )
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

    async with httpx.AsyncClient(trust_env=False, verify=NO_TLS) as client:
        answer = await client.get(f"{node.management}/queues/bet-intel/orders")
    assert answer.json()["type"] == "quorum", node.said()

    # What is defined already is defined once more.
    node.stop()
    node.start()
    await node.declare(passive=True)


async def test_another_password_is_taken_while_it_runs_and_when_it_starts_again(node: Node) -> None:
    await node.declare()
    old = node.address

    node.address = node.rotate()

    assert node.address != old
    await node.declare(passive=True)
    with pytest.raises(AMQPConnectionError):
        await aio_pika.connect(old)
    node.stop()
    node.start()
    await node.declare(passive=True)
