"""Checks of Redis' scripts, by nodes that are started with them and made a cluster."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from bet_intel.compose.servers.ports import free_port
from bet_intel.compose.servers.processes import ServerError
from bet_intel.compose.servers.programs import REDIS
from deploy.faults import CannotTellError, ran
from fixtures.polling import holds_within

_FOLDER = "compose/redis"
_SCRIPTS = ("start.sh", "create.sh")
_ROTATES = "password.sh"
_HOSTS = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
# As containers that begin again in another order: one at a new address, two at that of another.
_MOVED = ("127.0.0.5", "127.0.0.2", "127.0.0.3")
_PASSWORD = "s3cret"  # noqa: S105 - of servers that live for a second
_NEXT = "s3cret-2"
_BUS = 10_000
_SECONDS = 60.0
FOUND_SECONDS = 60.0
"""Within which nodes at other addresses have found each other."""
# Addresses are their own names here.
_GETENT = '#!/bin/sh\necho "$2 $2"\n'


def redis(root: Path) -> Sequence[str]:
    """Three nodes start with the script, keep strangers out, have their bound of memory, and become a cluster by the
    other one, once more when they have begun again at other addresses; they take another password while they run."""
    try:
        REDIS.find("redis-server")
    except ServerError as error:
        raise CannotTellError(f"{error} or scripts/deploy-tools") from error
    with tempfile.TemporaryDirectory() as folder:
        return list(_Nodes(root, Path(folder)).faults())


class _Nodes:
    """One at each address, on the same port, where compose has one in each container."""

    def __init__(self, root: Path, folder: Path) -> None:
        services = yaml.safe_load((root / "compose/compose.yaml").read_text("utf-8"))["services"]
        self._memory = services["redis-1"]["environment"]["MAXMEMORY"]
        self._folder = folder
        self._port = str(free_port(_BUS))
        (folder / "redis_password").write_text(_PASSWORD, "utf-8")
        for name in (*_SCRIPTS, _ROTATES):
            self._script(name, (root / _FOLDER / name).read_text("utf-8"))
        self._script("getent", _GETENT)

    def faults(self) -> Iterator[str]:
        with self._running(_HOSTS) as processes:
            wrong = [*self._not_begun(_HOSTS, processes)]
            yield from wrong
            if wrong:
                return
            if "NOAUTH" not in self._ask(_HOSTS[0], "dbsize", password=""):
                yield "start.sh: a node lets in who has no password"
            memory, policy = (
                self._ask(_HOSTS[0], "config", "get", f"maxmemory{of}").split()[-1] for of in ("", "-policy")
            )
            if memory == "0" or policy == "noeviction":
                yield f"start.sh: a node that is full drops nothing: {memory} bytes, {policy}"
            # A container that fails is started again: nodes may not agree yet when the script looks at them.
            code, said = self._create(_HOSTS)
            if code:
                code, said = self._create(_HOSTS)
            if code or not holds_within(_SECONDS, lambda: self._is_whole(_HOSTS)):
                yield f"create.sh: {said.strip()}"
                return
            slots = self._slots(_HOSTS)
        yield from self._moved(slots)

    def _moved(self, slots: Sequence[str]) -> Iterator[str]:
        """A node keeps its slots and who the others are, and is found where it is now."""
        with self._running(_MOVED) as processes:
            wrong = [*self._not_begun(_MOVED, processes)]
            yield from wrong
            if wrong:
                return
            code, said = self._create(_MOVED)
            if code or not holds_within(FOUND_SECONDS, lambda: self._is_whole(_MOVED)):
                yield f"create.sh: nodes at other addresses do not find each other: {said.strip()}"
            elif self._slots(_MOVED) != slots:
                yield "create.sh: nodes at other addresses have not the slots that they had"
            yield from self._rotated()

    def _rotated(self) -> Iterator[str]:
        """While its clients come with the old password and with the new one, a node lets in both."""
        (self._folder / "redis_password").write_text(_NEXT, "utf-8")
        for options, old in (((), True), ((), True), (("only",), False), (("only",), False)):
            for number, host in enumerate(_MOVED):
                script = ("sh", self._folder / _ROTATES, *options)
                code, said = ran(*script, environment=self._environment(HOST=host, HOME=str(self._home(number))))
                let_in = {one: self._ask(host, "ping", password=one).endswith("PONG") for one in (_PASSWORD, _NEXT)}
                if code or let_in != {_PASSWORD: old, _NEXT: True}:
                    yield f"password.sh {' '.join(options)}: {let_in} are let in: {said.strip()}"
                    return
        yield from (
            f"password.sh: {host} comes to its master with the old password"
            for host in _MOVED
            if self._ask(host, "config", "get", "masterauth", password=_NEXT).split()[-1] != _NEXT
        )

    def _create(self, hosts: Sequence[str]) -> tuple[int, str]:
        # What does not come to an end is ended.
        command = ("timeout", f"{_SECONDS:.0f}", "sh", self._folder / "create.sh")
        return ran(*command, environment=self._environment(NODES=" ".join(hosts), REPLICAS="0"))

    def _is_whole(self, hosts: Sequence[str]) -> bool:
        """Every node serves, and knows all of them where they are."""
        return all(
            "cluster_state:ok" in self._ask(host, "cluster", "info")
            and all(f" {other}:{self._port}@" in self._ask(host, "cluster", "nodes") for other in hosts)
            for host in hosts
        )

    def _slots(self, hosts: Sequence[str]) -> list[str]:
        """Each node's, by what it says of itself: eight words, who it is first, and then its slots."""
        lines = [line.split() for host in hosts for line in self._ask(host, "cluster", "nodes").splitlines()]
        return [" ".join([words[0], *words[8:]]) for words in lines if "myself" in words[2]]

    def _not_begun(self, hosts: Sequence[str], processes: Sequence[subprocess.Popen[bytes]]) -> Iterator[str]:
        for number, (host, process) in enumerate(zip(hosts, processes, strict=True)):
            if not self._begun(host, process):
                yield f"start.sh: {self._log(number).read_text('utf-8').strip()}"
                return

    def _begun(self, host: str, process: subprocess.Popen[bytes]) -> bool:
        def answers() -> bool:
            return self._ask(host, "ping").endswith("PONG")

        return holds_within(_SECONDS, lambda: answers() or process.poll() is not None) and answers()

    @contextmanager
    def _running(self, hosts: Sequence[str]) -> Iterator[list[subprocess.Popen[bytes]]]:
        processes = []
        for number, host in enumerate(hosts):
            home = self._home(number)
            home.mkdir(exist_ok=True)
            with self._log(number).open("wb") as log:
                processes.append(
                    subprocess.Popen(
                        ["sh", str(self._folder / "start.sh")],
                        env=self._environment(HOST=host, HOME=str(home), MAXMEMORY=self._memory),
                        stdout=log,
                        stderr=log,
                    )
                )
        try:
            yield processes
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(_SECONDS)

    def _home(self, number: int) -> Path:
        return self._folder / f"node-{number}"

    def _log(self, number: int) -> Path:
        return self._folder / f"node-{number}.log"

    def _ask(self, host: str, *words: str, password: str = _PASSWORD) -> str:
        environment = {"REDISCLI_AUTH": password} if password else {}
        _, said = ran(REDIS.find("redis-cli"), "-h", host, "-p", self._port, *words, environment=environment)
        return said.strip()

    def _environment(self, **given: str) -> dict[str, str]:
        return {**given, "PATH": f"{self._folder}:{os.environ['PATH']}"}

    def _script(self, name: str, text: str) -> None:
        """As in a container, but for what a container has for itself: paths, address and port."""
        here = {
            "/tmp/login.conf": '"$HOME/login.conf"',  # noqa: S108 - the container's own
            "redis-cli -e": f'redis-cli -p {self._port} -h "$HOST" -e',
            "/run/secrets": str(self._folder),
            "--dir /data": '--dir "$HOME" --bind "$HOST" --cluster-announce-ip "$HOST"',
            ":6379": f":{self._port}",
            '" 6379': f'" {self._port}',
            "--port 6379": f"--port {self._port}",
            "redis-cli -h": f"redis-cli -p {self._port} -h",
        }
        for of_the_container, ours in here.items():
            text = text.replace(of_the_container, ours)
        path = self._folder / name
        path.write_text(text, "utf-8")
        path.chmod(0o755)
