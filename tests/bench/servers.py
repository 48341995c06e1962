"""The folder and the RabbitMQ of a row, which end with it; connections to it, and dead letters that none may become."""

import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

from bet_intel.compose.servers.folder import PREFIX, ServersFolder
from bet_intel.compose.servers.rabbitmq import RabbitMQ
from bet_intel.shared.messaging import DeadLetter, Message
from bet_intel.shared.rabbitmq.connection import Connector, Nodes


@contextmanager
def servers_folder() -> Iterator[ServersFolder]:
    with tempfile.TemporaryDirectory(prefix="bet-intel-bench-") as parent:
        Path(parent).chmod(0o755)
        folder = ServersFolder.use(Path(parent) / f"{PREFIX}bench")
        try:
            yield folder
        finally:
            folder.close()


@contextmanager
def rabbitmq(*vhosts: str) -> Iterator[RabbitMQ]:
    """A broker of one node with these virtual hosts."""
    with servers_folder() as folder:
        broker = RabbitMQ.start(folder)
        for vhost in vhosts:
            broker.create_vhost(vhost)
        yield broker


def connector(url: str) -> Connector:
    return Connector(Nodes.parse(url), "bench", random.Random(1))


async def ignore(_messages: Sequence[Message]) -> None: ...


class NoDeadLetters:
    """`messaging.DeadLetters` of a measurement, in which nothing may fail."""

    async def keep(self, letter: DeadLetter) -> None:
        raise RuntimeError(f"{letter.name} failed: {letter.reason}")

    async def kept(self, _queue: str) -> Sequence[DeadLetter]:
        return ()

    def removing(self, queue: str, id: str) -> AbstractAsyncContextManager[None]:
        raise NotImplementedError(f"nothing is kept of {queue}, nor {id}")

    async def count(self) -> int:
        return 0
