"""Queues that live on one node of three, and what docs/operations/runbooks/failover.md has an operator type of them."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from bet_intel.compose.servers.programs import RABBITMQ
from bet_intel.compose.servers.rabbitmq import RabbitMQ, RabbitState
from fixtures.servers import TestServers, Vhost
from fixtures.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.chaos]

_PAGE = Path(__file__).parents[2] / "docs/operations/runbooks/failover.md"
_COMMAND = re.compile(r"^ {4}docker compose \S+ \S+ exec rabbitmq-1 rabbitmq-queues (.+)$", re.MULTILINE)
_SECONDS = 120.0


class Typed:
    """The commands of the page, asked of the first node."""

    def __init__(self, state: RabbitState, home: Path) -> None:
        self._state = state
        self._home = home
        text = _PAGE.read_text("utf-8")
        _, _, section = text.partition("### Members of the queues\n")
        self._critical, self._grow = _COMMAND.findall(section)

    def critical(self) -> tuple[int, str]:
        return self._run(self._critical)

    def grow(self, number: int) -> tuple[int, str]:
        return self._run(re.sub(r"rabbit@rabbitmq-\d", self._state.nodes[number - 1].name, self._grow))

    def _run(self, command: str) -> tuple[int, str]:
        done = subprocess.run(
            [
                RABBITMQ.find("rabbitmq-server").parent / "rabbitmq-queues",
                *("--node", self._state.nodes[0].name, "--erlang-cookie", self._state.cookie),
                *command.split(),
            ],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self._home),
                "ERL_EPMD_PORT": str(self._state.epmd_port),
                "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            },
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


async def test_a_queue_with_one_member_is_named_and_grows_and_outlives_its_node(
    rabbitmq_cluster: RabbitMQ, cluster_vhost: Vhost, servers: TestServers, tmp_path: Path
) -> None:
    cluster, path = rabbitmq_cluster, f"queues/{cluster_vhost.name}/orders"
    state = servers.folder.read("rabbitmq_cluster", RabbitState)
    assert state is not None
    typed = Typed(state, tmp_path)
    # As it is made where its node is the only one.
    alone = {"x-queue-type": "quorum", "x-quorum-initial-group-size": 1, "x-queue-leader-locator": "client-local"}
    cluster.manage("PUT", path, {"durable": True, "arguments": alone})
    first = cluster.leader(cluster_vhost.name, "orders")
    assert first == cluster.nodes[0]

    code, said = typed.critical()
    assert f"queue 'orders' in vhost '{cluster_vhost.name}' would lose quorum" in said
    assert code != 0

    for number in (2, 3):
        code, said = typed.grow(number)
        assert (code, "error" in said) == (0, False), said
    await until(lambda: len(cluster.manage("GET", path).get("members", ())) == len(cluster.nodes), _SECONDS)
    assert typed.critical()[0] == 0

    cluster.kill(first)
    assert cluster.leader(cluster_vhost.name, "orders") != first
    cluster.heal()
