"""From a request's headers to a caller."""

import hmac
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bet_intel.api.auth import Access, Gatekeeper, address_of
from bet_intel.api.domain.accounts import LOCAL, OPERATOR, SCOPES, Caller, Tier
from bet_intel.api.domain.keys import digest_of, is_key, key_of
from bet_intel.api.key_directory import KeyDirectory
from bet_intel.api.problems import KeyInUrlError, UnauthorizedError

TOKEN = "t" * 32
KEY = key_of(b"k" * 32)
OWNER = Caller("a", Tier("basic", 120), frozenset(SCOPES), "a", "id")


class Directory:
    anonymous = Tier("anonymous", 30)

    def __init__(self) -> None:
        self.asked: list[object] = []

    def caller(self, digest: bytes) -> Caller | None:
        self.asked.append(digest)
        return OWNER if digest == digest_of(KEY) else None


def keeper(access: Access = "keys", token: str | None = TOKEN, directory: Directory | None = None) -> Gatekeeper:
    known = cast("KeyDirectory", directory or Directory())
    return Gatekeeper(known, access, None if token is None else SecretStr(token))


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


class Compared:
    """Stands in for `hmac.compare_digest`, and keeps what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pairs: list[tuple[object, object]] = []
        self._compare = hmac.compare_digest
        monkeypatch.setattr(hmac, "compare_digest", self.compare)

    def compare(self, one: bytes, other: bytes) -> bool:
        self.pairs.append((one, other))
        return self._compare(one, other)


@pytest.mark.parametrize("sent", [KEY, TOKEN, TOKEN[:-1] + "x", "t", "x" * 500, key_of(b"x" * 32)])
def test_what_is_compared_with_a_secret_is_compared_in_constant_time(
    sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long it takes tells nobody how much of it was right: what is looked up, and what the operator's token is
    held against, is a digest, of which guesses are no nearer to the secret (docs/adr/0041)."""
    directory, compared = Directory(), Compared(monkeypatch)
    guard = keeper(directory=directory)
    for header in (bearer(sent), (b"x-api-key", sent.encode())):
        try:
            guard.caller(scope(header))
        except UnauthorizedError:
            assert sent not in (KEY, TOKEN)
        else:
            assert sent in (KEY, TOKEN)
    assert directory.asked == [digest_of(sent)] * 2
    of_the_token = [pair for pair in compared.pairs if digest_of(TOKEN) in pair]
    assert of_the_token == ([] if sent == KEY else [(digest_of(sent), digest_of(TOKEN))] * 2)
    # Nothing else is held against anything but a digest and a key's own checksum.
    assert all(KEY not in pair and TOKEN not in pair for pair in compared.pairs)


def test_two_keys_of_one_request_and_a_checksum_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = Compared(monkeypatch)
    other = key_of(b"x" * 32)
    with pytest.raises(UnauthorizedError, match="Two different keys"):
        keeper().caller(scope(bearer(KEY), (b"x-api-key", other.encode())))
    assert compared.pairs == [(KEY.encode(), other.encode())]
    compared.pairs.clear()
    assert not is_key(KEY[:-1] + "0")
    assert compared.pairs == [(KEY[-6:], KEY[-6:-1] + "0")]


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
