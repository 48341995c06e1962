"""Which addresses strangers may have us connect to, and when a delivery is tried again."""

import httpcore
import pytest

from bet_intel.notifier.channels.guard import GuardedBackend, NotPublicError, is_allowed
from bet_intel.notifier.domain.retries import seconds_until_next


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104 - an address to be refused
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "2002:a00:1::",
        "2001:0:a00:1::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "2001:db8::1",
    ],
)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not is_allowed(address, allow_loopback=False)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_what_is_public_is_allowed(address: str) -> None:
    assert is_allowed(address, allow_loopback=False)


def test_loopback_alone_may_be_allowed() -> None:
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert is_allowed(address, allow_loopback=True)
    for address in ("10.0.0.1", "169.254.169.254", "fe80::1"):
        assert not is_allowed(address, allow_loopback=True)


async def test_every_address_of_a_name_is_checked() -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["93.184.216.34", "10.0.0.1"]

    with pytest.raises(NotPublicError, match="is not an address of the public internet"):
        await GuardedBackend(allow_loopback=False, resolver=resolve).connect_tcp("rebound.example", 443)


async def test_a_name_is_resolved_once_and_what_was_checked_is_connected_to() -> None:
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    with pytest.raises(httpcore.ConnectError):
        # Nothing listens there; it was tried all the same.
        await GuardedBackend(allow_loopback=True, resolver=resolve).connect_tcp("rebound.example", 1, timeout=5)
    assert asked == ["rebound.example"]


async def test_a_name_that_is_not_known() -> None:
    with pytest.raises(httpcore.ConnectError, match="not known"):
        await GuardedBackend(allow_loopback=False).connect_tcp("no-such-host.invalid", 443, timeout=5)
    with pytest.raises(NotPublicError):
        await GuardedBackend(allow_loopback=True).connect_unix_socket("/run/x")


def test_retries_over_hours() -> None:
    waits = (5.0, 60.0, 3600.0)
    assert [seconds_until_next(attempts, waits, 0.0, 0.5) for attempts in (1, 2, 3, 4)] == [5.0, 60.0, 3600.0, None]
    assert seconds_until_next(1, waits, 0.0, 0.0) == pytest.approx(4.0)
    assert seconds_until_next(1, waits, 0.0, 0.999) == pytest.approx(6.0, abs=0.01)
    assert seconds_until_next(1, waits, 120.0, 0.5) == 120.0
    assert seconds_until_next(1, waits, 1e9, 0.5) == 86_400.0
    assert seconds_until_next(1, (), 0.0, 0.5) is None
