"""Free TCP ports of the loopback interface."""

import random
import socket
from collections.abc import Iterator

# Below the ports that outgoing connections take by themselves, so that none is taken between probing and use, and such
# that port + 10000, where a node of a Redis Cluster talks to the others, lies below them too.
_FIRST, _LAST = 12_000, 22_000
_ATTEMPTS = 200


class NoFreePortError(Exception):
    """No port is free on the loopback interface."""


def free_port(*companions: int) -> int:
    """A port on which nothing listens, nor on those at the given distances from it (``free_port(10_000)``)."""
    return next(free_ports(*companions))


def free_ports(*companions: int) -> Iterator[int]:
    """Any number of free ports, each different from the ones before and their companions.

    Raises:
        NoFreePortError: none was found.
    """
    taken: set[int] = set()
    chance = random.SystemRandom()
    while True:
        for _ in range(_ATTEMPTS):
            port = chance.randrange(_FIRST, _LAST)
            wanted = [port, *(port + distance for distance in companions)]
            if taken.isdisjoint(wanted) and all(is_free(one) for one in wanted):
                break
        else:
            raise NoFreePortError(f"no port between {_FIRST} and {_LAST} is free on 127.0.0.1")
        taken.update(wanted)
        yield port


def is_free(port: int) -> bool:
    """Whether nothing listens on a port now."""
    with socket.socket() as probe:
        # Ports that closed connections still hold are free for a server.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
