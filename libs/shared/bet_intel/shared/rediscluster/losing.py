"""A connection to a node that ends while it is written to: its loss is told as a loss.

redis-py up to 8.1.0 lets what the transport is made of show instead (AttributeError, TypeError), which no retry and no
handler of lost nodes knows: https://github.com/redis/redis-py/issues/4287. It is mended behind 8.1.0: with a version
that has the mend, this file goes.
"""

from collections.abc import Iterable

from redis.asyncio.cluster import RedisCluster
from redis.asyncio.connection import Connection


class _Connection(Connection):
    async def _send_packed_command(self, command: Iterable[bytes]) -> None:
        # Bound once: another task that closes the connection takes it away between here and the end.
        writer = self._writer
        if writer is None or writer.transport.is_closing():
            raise ConnectionResetError("the connection was closed")
        writer.writelines(command)
        await writer.drain()


def tell_losses(client: RedisCluster) -> None:
    """Let a client that has not connected yet tell what it loses."""
    client.connection_kwargs["connection_class"] = _Connection
    for node in client.startup_nodes:
        node.connection_class = _Connection
