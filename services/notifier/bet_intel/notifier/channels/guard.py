"""Connections to addresses that strangers name: to the public internet alone.

The name is resolved here, every address it has is checked, and what is connected to is the checked address: a name that
resolves to something else a moment later does not get through.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpcore

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port → its addresses."""

# IPv6 addresses of these hold an IPv4 address that may be a private one.
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


class NotPublicError(Exception):
    """The host is not on the public internet."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system knows them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def is_allowed(address: str, *, allow_loopback: bool) -> bool:
    """Whether an address may be connected to: a public one or, where that is allowed, one of this machine."""
    # A zone ("%eth0") belongs to a link-local address.
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        for inner in _held(ip):
            if not is_allowed(str(inner), allow_loopback=allow_loopback):
                return False
        if ip.ipv4_mapped is not None:
            return True
    if ip.is_loopback:
        return allow_loopback
    return ip.is_global and not ip.is_multicast


def _held(ip: ipaddress.IPv6Address) -> Iterable[ipaddress.IPv4Address]:
    if ip.ipv4_mapped is not None:
        yield ip.ipv4_mapped
    if ip.sixtofour is not None:
        yield ip.sixtofour
    if ip.teredo is not None:
        yield from ip.teredo
    if ip in _TRANSLATED:
        yield ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Network backend of an HTTP client that strangers may send places."""

    def __init__(self, *, allow_loopback: bool, resolver: Resolve = resolve) -> None:
        self._allow_loopback = allow_loopback
        self._resolve = resolver
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """
        Raises:
            NotPublicError: one of the host's addresses may not be connected to.
            httpcore.ConnectError, httpcore.ConnectTimeout: it has none, or none answers.
        """
        try:
            async with asyncio.timeout(timeout):
                addresses = list(dict.fromkeys(await self._resolve(host, port)))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"the name of {host} was not resolved in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the name of {host} is not known") from error
        if not all(is_allowed(address, allow_loopback=self._allow_loopback) for address in addresses):
            raise NotPublicError(f"{host} is not an address of the public internet")
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise NotPublicError("a socket of this machine is not on the public internet")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)
