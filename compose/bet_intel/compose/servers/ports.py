"""Free TCP ports of the loopback interface."""

import random
import socket
import threading
import time
from collections.abc import Iterator

# Below the ports that outgoing connections take by themselves, so that none is taken between probing and use, and such
# that port + 10000, where a node of a Redis Cluster talks to the others, lies below them too.
_FIRST, _LAST = 12_000, 22_000
_ATTEMPTS = 200
# Of this process, whose servers start side by side: one that takes a minute to listen must find its port free.
_PROMISE_SECONDS = 180.0
_promised: dict[int, float] = {}
_promising = threading.Lock()


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
            wanted = {port, *(port + distance for distance in companions)}
            if taken.isdisjoint(wanted) and _promise(wanted):
                break
        else:
            raise NoFreePortError(f"no port between {_FIRST} and {_LAST} is free on 127.0.0.1")
        taken |= wanted
        yield port


def _promise(ports: set[int]) -> bool:
    """Whether all are free, and promised to nobody else; if so they are promised to the caller."""
    with _promising:
        now = time.monotonic()
        for port in [port for port, until in _promised.items() if until < now]:
            del _promised[port]
        if not _promised.keys().isdisjoint(ports) or not all(is_free(one) for one in ports):
            return False
        _promised.update(dict.fromkeys(ports, now + _PROMISE_SECONDS))
        return True


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
