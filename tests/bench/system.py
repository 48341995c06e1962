"""Processes of the services, on one server of each kind that keeps what it confirms; as many as a row needs."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.servers import servers_folder
from bench.worker import Worker
from bet_intel.compose.cluster import broker_users
from bet_intel.compose.cluster.databases import Databases, prepare
from bet_intel.compose.cluster.engines import SMALL, VHOST, Engines
from bet_intel.compose.cluster.environment import Environment
from bet_intel.compose.cluster.services import KINDS, ONE_OF_EACH, Source
from bet_intel.compose.servers.ports import free_ports
from fixtures.polling import holds_within

_SIZES = msgspec.structs.replace(SMALL, fsync=True)
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class System:
    engines: Engines
    databases: Databases
    environment: Environment
    stack: ExitStack
    folder: Path

    @property
    def broker(self) -> str:
        return self.engines.rabbitmq.urls(VHOST)[0]

    @property
    def redis(self) -> str:
        return self.engines.redis.url()

    @property
    def operator_token(self) -> str:
        return (self.folder / "secrets/operator_token").read_text("ascii")

    def dsn(self, service: str) -> str:
        return self.databases.dsns(self.engines.postgres, service)[0]

    def start(self, kind: str) -> tuple[Worker, int]:
        """A process (`api.serve`), and the port that it is to be reached at; it is not ready yet."""
        port = next(free_ports())
        process = KINDS[kind]
        environment: Mapping[str, str] = {
            **self.environment.of(process, ONE_OF_EACH, port),
            "BET_INTEL_LOG_LEVEL": "error",
        }
        worker = Worker(f"bet_intel.{process.package}", process.type, environment=environment)
        self.stack.callback(worker.end)
        return worker, port

    def peer(self, module: str, *arguments: str, **environment: str) -> Worker:
        """A process that is none of ours, and ends with the row."""
        worker = Worker(module, *arguments, environment=environment)
        self.stack.callback(worker.end)
        return worker

    def consumers(self, queue: str) -> int:
        """How many consume a queue now."""
        everybody = self.engines.rabbitmq.manage("GET", f"consumers/{VHOST}")
        return sum(one["queue"]["name"] == queue for one in everybody)

    def wait_for_consumers(self, queue: str, number: int) -> None:
        wait(lambda: self.consumers(queue) == number, f"{number} consumers of {queue}")


@contextmanager
def system() -> Iterator[System]:
    with servers_folder() as folder:
        engines = Engines.start(folder, _SIZES)
        databases = prepare(folder, engines.postgres)
        with ExitStack() as stack:
            users = broker_users.prepare(folder, engines.rabbitmq, VHOST)
            environment = Environment(folder, engines, databases, users, Source())
            yield System(engines, databases, environment, stack, folder.path)


def wait(condition: Callable[[], bool], what: str) -> None:
    """
    Raises:
        RuntimeError: it is not so in time.
    """
    if not holds_within(_SECONDS, condition, every=0.05):
        raise RuntimeError(f"not so within {_SECONDS:g} s: {what}")
