"""Free TCP ports of the loopback interface."""

import os
import random
import socket
import threading
import time
from collections.abc import Iterator

# Below the ports that outgoing connections take by themselves, so that none is taken between probing and use, and such
# that port + 10000, where a node of a Redis Cluster talks to the others, lies below them too.
_FIRST, _LAST = 12_000, 22_000
_ATTEMPTS = 200
# Servers start side by side: one that takes a minute to listen must find its port free.
_PROMISE_SECONDS = 180.0
_promised: dict[int, tuple[float, int]] = {}
"""Of this process: until when, and what keeps other processes from it."""
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
    """Whether all are free, and promised to nobody else, here or in another process; if so they are to the caller."""
    with _promising:
        now = time.monotonic()
        for port in [port for port, (until, _) in _promised.items() if until < now]:
            os.close(_promised.pop(port)[1])
        held: dict[int, int] = {}
        for port in ports:
            descriptor = None if port in _promised else _hold(port)
            if descriptor is None:
                for one in held.values():
                    os.close(one)
                return False
            held[port] = descriptor
        _promised.update({port: (now + _PROMISE_SECONDS, descriptor) for port, descriptor in held.items()})
        return True


def _hold(port: int) -> int | None:
    """Binds a port and does not listen there; None where somebody else does one or the other.

    Who holds one in this way, in whatever process, is not given it. A server is: it allows the address to be used
    again, as who restarts has to, and so does whoever holds it, once it is his.
    """
    probe = socket.socket()
    try:
        probe.bind(("127.0.0.1", port))
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    except OSError:
        probe.close()
        return None
    return probe.detach()


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
