"""From a request's headers to a caller."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bet_intel.api.auth import Access, Gatekeeper, address_of
from bet_intel.api.domain.accounts import LOCAL, OPERATOR, SCOPES, Caller, Tier
from bet_intel.api.domain.keys import digest_of, key_of
from bet_intel.api.key_directory import KeyDirectory
from bet_intel.api.problems import KeyInUrlError, UnauthorizedError

TOKEN = "t" * 32
KEY = key_of(b"k" * 32)
OWNER = Caller("a", Tier("basic", 120), frozenset(SCOPES), "a", "id")


class Directory:
    anonymous = Tier("anonymous", 30)

    def caller(self, digest: bytes) -> Caller | None:
        return OWNER if digest == digest_of(KEY) else None


def keeper(access: Access = "keys", token: str | None = TOKEN) -> Gatekeeper:
    directory = cast("KeyDirectory", Directory())
    return Gatekeeper(directory, access, None if token is None else SecretStr(token))


def scope(
    *headers: tuple[bytes, bytes], query: bytes = b"", path: str = "/v1/events", client: str = "127.0.0.1"
) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "query_string": query,
        "headers": list(headers),
        "client": (client, 1234),
        "server": ("127.0.0.1", 8000),
    }


def bearer(text: str) -> tuple[bytes, bytes]:
    return b"authorization", f"Bearer {text}".encode()


@pytest.mark.parametrize("access", ["keys", "local", "open"])
def test_a_key_that_is_sent_is_looked_at_always(access: Access) -> None:
    guard = keeper(access)
    assert guard.caller(scope(bearer(KEY))) == OWNER
    assert guard.caller(scope((b"x-api-key", KEY.encode()))) == OWNER
    assert guard.caller(scope(bearer(KEY), (b"x-api-key", KEY.encode()))) == OWNER
    assert guard.caller(scope(bearer(TOKEN))).account == OPERATOR
    for wrong in (key_of(b"x" * 32), KEY[:-1] + "0", TOKEN[:-1], "", "é"):
        with pytest.raises(UnauthorizedError) as refused:
            guard.caller(scope(bearer(wrong)))
        assert not wrong or wrong not in str(refused.value)


@pytest.mark.parametrize(
    ("access", "client", "host", "account"),
    [
        ("keys", "127.0.0.1", "127.0.0.1:8000", ""),
        ("local", "127.0.0.1", "127.0.0.1:8000", LOCAL),
        ("local", "::1", "[::1]:8000", LOCAL),
        ("local", "127.0.0.1", "localhost", LOCAL),
        ("local", "127.0.0.1", "evil.example", ""),
        ("local", "192.0.2.7", "localhost", ""),
        ("open", "192.0.2.7", "evil.example", LOCAL),
    ],
)
def test_who_needs_no_key(access: Access, client: str, host: str, account: str) -> None:
    caller = keeper(access).caller(scope((b"host", host.encode()), client=client))
    assert caller.account == account


@pytest.mark.parametrize(
    ("access", "token", "administers"),
    [("local", None, True), ("local", TOKEN, False), ("open", None, False), ("open", TOKEN, False)],
)
def test_only_a_machine_of_ones_own_administers_without_a_key(
    access: Access, token: str | None, *, administers: bool
) -> None:
    caller = keeper(access, token).caller(scope((b"host", b"localhost")))
    assert (caller.may("administration"), "admin" in caller.scopes) == (administers, administers)


@given(st.lists(st.tuples(st.sampled_from([b"authorization", b"x-api-key", b"host", b"x"]), st.binary(max_size=80))))
def test_any_headers_are_somebody_or_refused(headers: list[tuple[bytes, bytes]]) -> None:
    every: tuple[Access, ...] = ("keys", "local", "open")
    for access in every:
        try:
            caller = keeper(access).caller(scope(*headers))
        except UnauthorizedError:
            continue
        assert caller.account in ("", LOCAL)


@pytest.mark.parametrize(
    ("query", "path"),
    [
        (b"api_key=x", "/"),
        (b"limit=5&API-KEY=x", "/"),
        (b"access_token=x", "/"),
        (f"sport={KEY}".encode(), "/"),
        (b"", f"/v1/{KEY}"),
    ],
)
def test_a_key_in_the_address_is_refused_whoever_asks(query: bytes, path: str) -> None:
    with pytest.raises(KeyInUrlError) as refused:
        keeper("open").caller(scope(query=query, path=path))
    assert str(refused.value) == ""


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
    ],
)
def test_an_address_is_counted_by_the_network_one_site_has(one: str, other: str, *, same: bool) -> None:
    assert (address_of(scope(client=one)) == address_of(scope(client=other))) is same
