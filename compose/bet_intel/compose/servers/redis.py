"""A Redis Cluster: three masters with a replica each, or a single node that owns every slot."""

import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Self

import msgspec

from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.compose.servers.ports import free_ports
from bet_intel.compose.servers.processes import Server, ServerError, ServerProcess
from bet_intel.compose.servers.programs import REDIS
from bet_intel.compose.servers.redis_view import Seen, is_whole, parse, replicas

_SLOTS = 16384
_BUS = 10_000
"""The nodes talk to each other on their port plus this."""
_MAXMEMORY = "400mb"
_READY_SECONDS = 60.0
_ANSWER_SECONDS = 5.0
_POLL_SECONDS = 0.02


class RedisNode(msgspec.Struct, frozen=True):
    """A node; which are masters is theirs to decide, see :meth:`RedisCluster.masters`."""

    name: str
    port: int


class RedisState(msgspec.Struct, frozen=True):
    """All that is needed to reach the nodes."""

    nodes: tuple[RedisNode, ...]
    password: str
    node_timeout_ms: int


class RedisCluster:
    """The nodes of one cluster. Every method blocks."""

    def __init__(self, folder: ServersFolder, state: RedisState) -> None:
        self._folder = folder
        self._state = state

    @classmethod
    def start(
        cls,
        folder: ServersFolder,
        *,
        masters: int = 3,
        replicas: int = 1,
        node_timeout_ms: int = 1000,
        name: str = "redis",
    ) -> Self:
        """Starts the masters and so many replicas of each; returns when every slot is served and every replica synced.

        Started by another user of the folder under that name, it is the same cluster.

        Args:
            folder: where it lives.
            masters: three or more, which can elect another for a dead one; or one, which owns every slot.
            replicas: of each master.
            node_timeout_ms: how long a node is silent before it counts as dead.
            name: of the cluster in the folder, and the beginning of the nodes' names.

        Raises:
            ServerError: Redis is not installed, or the cluster is not ready in time.
        """

        def launch() -> RedisState:
            if masters == 2:
                raise ServerError("of two masters, one cannot elect another for a dead one: use one or three")
            ports = free_ports(_BUS)
            nodes = tuple(RedisNode(f"{name}{n}", next(ports)) for n in range(1, masters * (1 + replicas) + 1))
            state = RedisState(nodes, secrets.token_urlsafe(18), node_timeout_ms)
            cluster = cls(folder, state)
            cluster._launch(masters)
            return state

        return cls(folder, folder.once(name, RedisState, launch))

    @classmethod
    def find(cls, folder: ServersFolder, name: str = "redis") -> Self | None:
        """The cluster that a user of the folder has started."""
        state = folder.read(name, RedisState)
        return None if state is None else cls(folder, state)

    @property
    def nodes(self) -> tuple[RedisNode, ...]:
        return self._state.nodes

    @property
    def password(self) -> str:
        return self._state.password

    def url(self, node: RedisNode | None = None) -> str:
        """The address of one node, from which a client learns the others."""
        return f"redis://:{self._state.password}@127.0.0.1:{(node or self.nodes[0]).port}"

    def urls(self) -> list[str]:
        """The addresses of all nodes: a client that knows them all finds the cluster while any lives."""
        return [self.url(node) for node in self.nodes]

    def command(self, node: RedisNode, *words: str) -> str:
        """Has one node do a command; a key of another node is refused.

        Raises:
            ServerError: it does not answer, or refuses.
        """
        # The node's first answer may be an error line: the exit code tells it apart from an answer that begins so.
        command = [str(REDIS.find("redis-cli")), "-e", "-h", "127.0.0.1", "-p", str(node.port), *words]
        environment = {"REDISCLI_AUTH": self._state.password}
        try:
            run = subprocess.run(
                command,
                capture_output=True,
                env=environment,
                timeout=_ANSWER_SECONDS,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            raise ServerError(f"{node.name} does not answer within {_ANSWER_SECONDS:.0f} s") from None
        if run.returncode != 0:
            said = (run.stderr + run.stdout).decode(errors="replace").strip()
            raise ServerError(f"{node.name} did not do {' '.join(words[:2])}: {said}")
        return run.stdout.decode(errors="replace").strip()

    def masters(self) -> list[RedisNode]:
        """The living masters, as the first node that answers sees them."""
        return [self._at(one.port) for one in self._seen() if "master" in one.flags and one.lives]

    def master_of(self, key: str) -> RedisNode:
        """The master that serves a key."""
        slot = int(self._ask_any("cluster", "keyslot", key))
        for one in self._seen():
            if one.lives and any(slot in slots for slots in one.slots):
                return self._at(one.port)
        raise ServerError(f"no living master serves slot {slot}")

    def wait_for_master(self, key: str, other_than: RedisNode) -> RedisNode:
        """The master that serves a key, as soon as that is another node than a dead one."""
        found: list[RedisNode] = []

        def serves() -> bool:
            try:
                found.append(self.master_of(key))
            except ServerError:
                return False
            return found[-1] != other_than

        self._wait(f"nobody has taken over from {other_than.name}", serves)
        return found[-1]

    def runs(self, node: RedisNode) -> bool:
        """Whether its process lives; suspended, it does."""
        return self._process(node).find() is not None

    def pid(self, node: RedisNode) -> int | None:
        return self._process(node).find()

    def memory(self, node: RedisNode) -> int:
        """Bytes that it takes."""
        return self._process(node).memory()

    def kill(self, node: RedisNode) -> None:
        """``kill -9``."""
        self._process(node).kill()

    def suspend(self, node: RedisNode) -> None:
        self._process(node).suspend()

    def resume(self, node: RedisNode) -> None:
        self._process(node).resume()

    def start_node(self, node: RedisNode, *, wait: bool = True) -> None:
        """Starts a node that was stopped or killed; it finds its place in the cluster by itself."""
        process = self._process(node)
        process.start([str(REDIS.find("redis-server")), str(self._folder.path / f"{node.name}.conf")])
        if wait:
            process.wait_until(lambda: self._answers(node), _READY_SECONDS)

    def servers(self) -> Iterator[Server]:
        """Every node, to be kept running."""
        for node in self.nodes:
            yield Server(node.name, self._process(node), partial(self.start_node, node, wait=False))

    def wait_for_cluster(self) -> None:
        """Returns when every living node sees every slot served, and every replica has its master's data."""
        self._wait("the Redis Cluster is not whole", lambda: all(self._is_whole(node) for node in self._living()))

    def heal(self) -> None:
        """Brings back what is dead, suspended or astray.

        Returns when all nodes agree on who the masters are, and each of these has its replicas: a master that another
        has taken over from calls itself one until it is told, and one that was reset follows nobody by itself.

        Raises:
            ServerError: it does not come to that in time.
        """
        for node in self.nodes:
            self.resume(node)
            if not self.runs(node):
                self.start_node(node)
        self._wait("not every master of the Redis Cluster has its replicas", self._is_healed)

    def stop(self) -> None:
        """Ends all nodes in order; nothing is kept."""
        for node in self.nodes:
            self._process(node).stop()

    def _launch(self, masters: int) -> None:
        for node in self.nodes:
            self._configure(node)
            self.start_node(node)
        owners, others = self.nodes[:masters], self.nodes[masters:]
        for number, node in enumerate(owners):
            first, last = number * _SLOTS // masters, (number + 1) * _SLOTS // masters - 1
            self.command(node, "cluster", "addslotsrange", str(first), str(last))
            # Each its own, so that they need not settle who goes first.
            self.command(node, "cluster", "set-config-epoch", str(number + 1))
        for node in self.nodes[1:]:
            self.command(self.nodes[0], "cluster", "meet", "127.0.0.1", str(node.port))
        self._wait("the nodes of the Redis Cluster do not meet", self._have_met)
        for number, node in enumerate(others):
            master = owners[number % masters]
            self.command(node, "cluster", "replicate", self.command(master, "cluster", "myid"))
        self.wait_for_cluster()

    def _configure(self, node: RedisNode) -> None:
        folder = self._process(node).make_folder()
        values = {
            "port": node.port,
            "bind": "127.0.0.1",
            "dir": folder,
            "requirepass": self._state.password,
            "masterauth": self._state.password,
            "cluster-enabled": "yes",
            "cluster-config-file": "nodes.conf",
            "cluster-node-timeout": self._state.node_timeout_ms,
            # A replica that was cut off for long may still take over: an old cache is better than none.
            "cluster-replica-validity-factor": 0,
            "cluster-require-full-coverage": "no",
            "repl-diskless-sync-delay": 0,
            # A cache: it has its bound, as where it is deployed, and nothing of it is kept.
            "maxmemory": _MAXMEMORY,
            "maxmemory-policy": "allkeys-lru",
            "save": '""',
            "appendonly": "no",
        }
        text = "".join(f"{name} {value}\n" for name, value in values.items())
        self._folder.write_for_servers(f"{node.name}.conf", text)

    def _have_met(self) -> bool:
        known = f"cluster_known_nodes:{len(self.nodes)}"
        return all(known in self.command(node, "cluster", "info").split() for node in self.nodes)

    def _is_whole(self, node: RedisNode) -> bool:
        cluster = self.command(node, "cluster", "info").split()
        replication = self.command(node, "info", "replication").split()
        return {"cluster_state:ok", f"cluster_slots_ok:{_SLOTS}"} <= set(cluster) and (
            "role:master" in replication or "master_link_status:up" in replication
        )

    def _is_healed(self) -> bool:
        """Whether all is as it was started; where a node has lost its place, it is given one."""
        try:
            views = [self._seen_by(node) for node in self.nodes]
            self._gather(max(views, key=len))
            return is_whole(views) and all(self._is_whole(node) for node in self.nodes)
        except ServerError:
            # It is just starting, or has yet to hear of the master that it is to follow.
            return False

    def _gather(self, view: list[Seen]) -> None:
        """Has the view's node meet those that it does not know, and those that follow nobody follow a master."""
        known = {one.port for one in view}
        for node in self.nodes:
            if node.port not in known:
                self.command(self._at(view[0].port), "cluster", "meet", "127.0.0.1", str(node.port))
        shares = replicas(view)
        for one in view:
            if one.is_astray and shares:
                self.command(self._at(one.port), "cluster", "replicate", min(shares, key=shares.__getitem__))

    def _answers(self, node: RedisNode) -> bool:
        try:
            return self.command(node, "ping") == "PONG"
        except ServerError:
            return False

    def _living(self) -> list[RedisNode]:
        living = [node for node in self.nodes if self.runs(node)]
        if not living:
            raise ServerError("no node of the Redis Cluster runs")
        return living

    def _ask_any(self, *words: str) -> str:
        problem = ServerError("no node of the Redis Cluster runs")
        for node in self._living():
            try:
                return self.command(node, *words)
            except ServerError as error:
                problem = error
        raise problem

    def _seen(self) -> list[Seen]:
        """What the first node that answers knows of all."""
        return parse(self._ask_any("cluster", "nodes"))

    def _seen_by(self, node: RedisNode) -> list[Seen]:
        return parse(self.command(node, "cluster", "nodes"))

    def _at(self, port: int) -> RedisNode:
        return next(node for node in self.nodes if node.port == port)

    def _wait(self, otherwise: str, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise ServerError(f"{otherwise} after {_READY_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)

    def _process(self, node: RedisNode) -> ServerProcess:
        return self._folder.process(node.name)
