"""RabbitMQ: one node, or a cluster of three, with management and Prometheus plugins."""

import base64
import json
import secrets
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import msgspec

from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.compose.servers.ports import free_ports
from bet_intel.compose.servers.processes import Server, ServerError, ServerProcess
from bet_intel.compose.servers.programs import RABBITMQ

_USER = "bet-intel"
# A node that ends is noticed at once: this is for one that starts beside many others, on a share of two cores.
_READY_SECONDS = 300.0
_ANSWER_SECONDS = 10.0
_STOP_SECONDS = 60.0
_LEADER_SECONDS = 30.0
_POLL_SECONDS = 0.05
_EPMD = "epmd"
_EPMD_SECONDS = 10.0


class RabbitNode(msgspec.Struct, frozen=True):
    """A node, by its name in the cluster (`rabbit1@localhost`) and its ports."""

    name: str
    port: int
    management_port: int
    prometheus_port: int
    distribution_port: int

    @property
    def process(self) -> str:
        return self.name.partition("@")[0]


class RabbitState(msgspec.Struct, frozen=True):
    """All that is needed to reach the nodes."""

    nodes: tuple[RabbitNode, ...]
    epmd_port: int
    user: str
    password: str
    cookie: str


class Permissions(msgspec.Struct, frozen=True):
    """What a user may do in a virtual host: patterns of the names of queues and exchanges."""

    configure: str
    write: str
    read: str


class RabbitMQ:
    """The nodes of one cluster. Every method blocks."""

    def __init__(self, folder: ServersFolder, state: RabbitState) -> None:
        self._folder = folder
        self._state = state

    @classmethod
    def start(cls, folder: ServersFolder, *, nodes: int = 1, name: str = "rabbitmq") -> Self:
        """Starts so many nodes (one or three); returns when they are a cluster and take messages.

        Started by another user of the folder under that name, it is the same cluster.

        Raises:
            ServerError: RabbitMQ is not installed, or a node is not ready in time.
        """

        def launch() -> RabbitState:
            state = _plan(nodes, name)
            cluster = cls(folder, state)
            cluster._launch()
            return state

        return cls(folder, folder.once(name, RabbitState, launch))

    @classmethod
    def find(cls, folder: ServersFolder, name: str = "rabbitmq") -> Self | None:
        """The cluster that a user of the folder has started."""
        state = folder.read(name, RabbitState)
        return None if state is None else cls(folder, state)

    @property
    def nodes(self) -> tuple[RabbitNode, ...]:
        return self._state.nodes

    def url(self, node: RabbitNode, vhost: str = "/", user: str | None = None, password: str | None = None) -> str:
        """The AMQP address of one node; the administrator's unless for another user."""
        login = f"{user or self._state.user}:{quote(password or self._state.password, safe='')}"
        return f"amqp://{login}@127.0.0.1:{node.port}/{quote(vhost, safe='')}"

    def urls(self, vhost: str = "/", user: str | None = None, password: str | None = None) -> list[str]:
        """The AMQP addresses of all nodes."""
        return [self.url(node, vhost, user, password) for node in self.nodes]

    def create_vhost(self, vhost: str) -> None:
        """A virtual host in which queues are quorum queues unless declared otherwise."""
        # 3.10 knows it by the first of these names, 3.11 and newer by the second.
        types = {"defaultqueuetype": "quorum", "default_queue_type": "quorum"}
        self.manage("PUT", f"vhosts/{quote(vhost, safe='')}", types)
        # Whoever creates it may use it, unless its start took the node too long.
        self._permit(self._state.user, vhost, Permissions(".*", ".*", ".*"))

    def create_user(self, user: str, password: str, vhost: str, permissions: Permissions) -> None:
        """A user that may do so much in one virtual host, and nothing else."""
        self.manage("PUT", f"users/{quote(user, safe='')}", {"password": password, "tags": ""})
        self._permit(user, vhost, permissions)

    def _permit(self, user: str, vhost: str, permissions: Permissions) -> None:
        path = f"permissions/{quote(vhost, safe='')}/{quote(user, safe='')}"
        self.manage("PUT", path, msgspec.to_builtins(permissions))

    def delete_user(self, user: str) -> None:
        self.manage("DELETE", f"users/{quote(user, safe='')}")

    def delete_vhost(self, vhost: str) -> None:
        """Removes a virtual host, its queues and messages; its connections are closed."""
        self.manage("DELETE", f"vhosts/{quote(vhost, safe='')}")

    def leader(self, vhost: str, queue: str) -> RabbitNode:
        """The node that leads a quorum queue, as soon as a living one does.

        Raises:
            ServerError: none does in time, or there is no such queue.
        """
        path = f"queues/{quote(vhost, safe='')}/{quote(queue, safe='')}"
        deadline = time.monotonic() + _LEADER_SECONDS
        while True:
            answer = self.manage("GET", path)
            # What the management knows of a queue follows its declaration by a moment.
            leader = answer.get("leader") or answer.get("node")
            for node in self.nodes:
                if node.name == leader and self.runs(node):
                    return node
            if time.monotonic() > deadline:
                raise ServerError(f"nobody leads the queue {queue} of {vhost} after {_LEADER_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)

    def close_connections(self) -> None:
        """Closes every client's connection, as an operator may."""
        for connection in self.manage("GET", "connections"):
            self.manage("DELETE", f"connections/{quote(connection['name'], safe='')}")

    def manage(self, method: str, path: str, body: object = None) -> Any:
        """Asks the management API (``vhosts/orders``) of the first node that answers.

        Raises:
            ServerError: no node answers, or it refuses.
        """
        problem: object = "no node runs"
        for node in self.nodes:
            if self.runs(node):
                try:
                    return self._ask(node, method, path, body)
                except OSError as error:
                    problem = error
        raise ServerError(f"RabbitMQ did not do {method} {path}: {problem}")

    def runs(self, node: RabbitNode) -> bool:
        """Whether its process lives; suspended, it does."""
        return self._process(node).find() is not None

    def pid(self, node: RabbitNode) -> int | None:
        return self._process(node).find()

    def memory(self, node: RabbitNode) -> int:
        """Bytes that it takes."""
        return self._process(node).memory()

    def kill(self, node: RabbitNode) -> None:
        """``kill -9``."""
        self._process(node).kill()

    def suspend(self, node: RabbitNode) -> None:
        self._process(node).suspend()

    def resume(self, node: RabbitNode) -> None:
        self._process(node).resume()

    def stop_node(self, node: RabbitNode) -> None:
        self._process(node).stop(signal.SIGTERM, _STOP_SECONDS)

    def start_node(self, node: RabbitNode, *, wait: bool = True) -> None:
        """Starts a node that was stopped or killed; with its data."""
        self._start_process(node)
        if wait:
            self._wait(node)

    def servers(self) -> Iterator[Server]:
        """Every node, to be kept running, and first the daemon by which they find each other."""
        yield self.epmd
        for node in self.nodes:
            yield Server(node.name, self._process(node), partial(self.start_node, node, wait=False))

    @property
    def epmd(self) -> Server:
        """The port mapper of Erlang: at its port, nodes learn where the others are."""
        return Server(_EPMD, self._epmd(), self._start_epmd)

    @property
    def epmd_port(self) -> int:
        return self._state.epmd_port

    def wait_for_cluster(self) -> None:
        """Returns when every node runs and sees every other."""
        for node in self.nodes:
            self._wait(node)

    def heal(self) -> None:
        """Brings back what is dead or suspended; returns when the cluster is whole."""
        for node in self.nodes:
            self.resume(node)
            if not self.runs(node):
                self.start_node(node, wait=False)
        self.wait_for_cluster()

    def stop(self) -> None:
        """Ends all nodes in order."""
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            list(pool.map(self.stop_node, self.nodes))
        self._epmd().stop()

    def _launch(self) -> None:
        self._start_epmd()
        for node in self.nodes:
            self._start_process(node)
        self.wait_for_cluster()

    def _start_epmd(self) -> None:
        epmd = self._epmd()
        # Left to the nodes, it would be a process that belongs to nobody.
        epmd.start([str(RABBITMQ.find("epmd")), "-port", str(self._state.epmd_port), "-address", "127.0.0.1"])
        epmd.wait_until(lambda: _listens(self._state.epmd_port), _EPMD_SECONDS)

    def _start_process(self, node: RabbitNode) -> None:
        process = self._process(node)
        home = process.make_folder()
        configuration = self._folder.path / f"{node.process}.conf"
        if not configuration.exists():
            self._write_files(node, configuration, home)
        command = str(RABBITMQ.find("rabbitmq-server"))
        process.start([command], _environment(node, self._state, configuration, home))

    def _write_files(self, node: RabbitNode, configuration: Path, home: Path) -> None:
        # Root writes no file among those of another user, so what has to lie there is written by that user.
        for name, text in (
            (".erlang.cookie", self._state.cookie),
            ("enabled_plugins", "[rabbitmq_management,rabbitmq_prometheus]."),
            ("rabbitmq.conf", _configuration(node, self._state)),
        ):
            # Not as an argument: there every user of the machine would read cookie and password.
            command = ["sh", "-c", 'umask 377 && printf %s "$TEXT" >"$0"', str(home / name)]
            status, said = self._folder.account.run(command, _ANSWER_SECONDS, {"TEXT": text})
            if status != 0:
                raise ServerError(f"the files of {node.name} cannot be written to {home}: {said}")
        configuration.touch()

    def _wait(self, node: RabbitNode) -> None:
        self._process(node).wait_until(lambda: self._is_ready(node), _READY_SECONDS)

    def _is_ready(self, node: RabbitNode) -> bool:
        if not _listens(node.port):
            return False
        try:
            nodes = self._ask(node, "GET", "nodes?columns=name,running")
        except (OSError, ServerError):
            return False
        running = {one["name"] for one in nodes if one["running"]}
        return running >= {other.name for other in self.nodes if self.runs(other)}

    def _ask(self, node: RabbitNode, method: str, path: str, body: object = None) -> Any:
        credentials = base64.b64encode(f"{self._state.user}:{self._state.password}".encode()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{node.management_port}/api/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {credentials}", "Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_ANSWER_SECONDS) as response:
                answer = response.read()
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode(errors="replace")
            raise ServerError(f"RabbitMQ refused {method} {path}: {error.code} {said}") from error
        return json.loads(answer) if answer else None

    def _process(self, node: RabbitNode) -> ServerProcess:
        return self._folder.process(node.process)

    def _epmd(self) -> ServerProcess:
        return self._folder.process(f"{self.nodes[0].process}-{_EPMD}")


def _plan(nodes: int, name: str) -> RabbitState:
    if nodes not in (1, 3):
        raise ServerError(f"RabbitMQ runs on one node or on three, not on {nodes}: a majority decides")
    ports = free_ports()
    return RabbitState(
        tuple(
            RabbitNode(f"{name}{number}@localhost", next(ports), next(ports), next(ports), next(ports))
            for number in range(1, nodes + 1)
        ),
        next(ports),
        _USER,
        secrets.token_urlsafe(18),
        secrets.token_hex(16),
    )


def _configuration(node: RabbitNode, state: RabbitState) -> str:
    lines = [
        f"listeners.tcp.default = 127.0.0.1:{node.port}",
        "management.tcp.ip = 127.0.0.1",
        f"management.tcp.port = {node.management_port}",
        "prometheus.tcp.ip = 127.0.0.1",
        f"prometheus.tcp.port = {node.prometheus_port}",
        f"default_user = {state.user}",
        f"default_pass = {state.password}",
        "disk_free_limit.absolute = 50MB",
        "log.console = true",
        "log.console.level = info",
        "log.file = false",
        # Queue lengths of the management API are as old as a second: what is told each 1000 ms is sampled each second,
        # not each five.
        "collect_statistics_interval = 1000",
        *(f"management.sample_retention_policies.{kind}.minute = 1" for kind in ("global", "basic", "detailed")),
    ]
    if len(state.nodes) > 1:
        lines += ["cluster_partition_handling = pause_minority"]
        lines += ["cluster_formation.peer_discovery_backend = classic_config"]
        for number, other in enumerate(state.nodes, 1):
            lines.append(f"cluster_formation.classic_config.nodes.{number} = {other.name}")
    return "\n".join(lines) + "\n"


def _environment(node: RabbitNode, state: RabbitState, configuration: Path, home: Path) -> dict[str, str]:
    data = home / "data"
    return {
        "HOME": str(home),
        "ERL_EPMD_PORT": str(state.epmd_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": node.name,
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(node.port),
        "RABBITMQ_DIST_PORT": str(node.distribution_port),
        "RABBITMQ_MNESIA_BASE": str(data),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_PID_FILE": str(home / "pid"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "config"),
        "RABBITMQ_FEATURE_FLAGS_FILE": str(home / "feature_flags"),
        "RABBITMQ_QUORUM_DIR": str(home / "quorum"),
        "RABBITMQ_STREAM_DIR": str(home / "stream"),
        # The lengths of quorum queues, too, are as old as a second.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} "
        "-rabbit quorum_tick_interval 1000",
    }


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
