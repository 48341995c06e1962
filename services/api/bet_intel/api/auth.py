"""Who asks: from a request's headers to a caller, without waiting for anybody."""

import hmac
import ipaddress
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal

from pydantic import SecretStr
from starlette.requests import Request

from bet_intel.api.domain import accounts
from bet_intel.api.domain.accounts import Caller, Need
from bet_intel.api.domain.keys import PREFIX, digest_of, is_key
from bet_intel.api.key_directory import KeyDirectory
from bet_intel.api.problems import ForbiddenError, KeyInUrlError, UnauthorizedError

Access = Literal["open", "local", "keys"]
"""Who needs no key: everybody; requests from this machine that were meant for it; nobody, who then is anonymous."""

API_KEY_HEADER = "X-API-Key"
_BEARER = b"bearer "
_CALLER = "bet_intel.caller"
_PREFIX = PREFIX.encode()
_KEY_PARAMETER = re.compile(rb"(?:^|&)(?:x[_-]?)?(?:api[_-]?key|access[_-]?token|token|bearer)=", re.IGNORECASE)
_V6_SITE = 64

Scope = Mapping[str, Any]
"""An ASGI scope of a request."""


class Gatekeeper:
    """Tells who asks. `operator_token` lets in as an administrator, so that there can be a first account."""

    def __init__(self, directory: KeyDirectory, access: Access, operator_token: SecretStr | None) -> None:
        self._directory = directory
        self._access = access
        token = None if operator_token is None else operator_token.get_secret_value()
        self._operator_digest = None if token is None else digest_of(token)
        self._operator = accounts.operator()
        self._open = accounts.open_caller()
        # Where an operator has a token, even this machine administers by it alone.
        self._local = accounts.open_caller() if token else accounts.local_administrator()

    def caller(self, scope: Scope) -> Caller:
        """
        Raises:
            KeyInUrlError: the address holds a key.
            UnauthorizedError: what was sent is no key, or none that is in force.
        """
        query: bytes = scope["query_string"]
        if (query and (_PREFIX in query or _KEY_PARAMETER.search(query))) or PREFIX in scope["path"]:
            raise KeyInUrlError
        key = self._key(scope["headers"])
        if key is not None:
            return self._known(key)
        if self._access == "open":
            return self._open
        if self._access == "local" and _is_local(scope):
            return self._local
        return accounts.anonymous(self._directory.anonymous, address_of(scope))

    def digest(self, scope: Scope) -> bytes | None:
        """Of the key that a request shows, of which :meth:`caller` knows whose it is; None where it shows none."""
        key = self._key(scope["headers"])
        return None if key is None else digest_of(key)

    def known(self, digest: bytes) -> Caller | None:
        """Who has the key of this digest now; None where nobody has."""
        caller = self._directory.caller(digest)
        if caller is None and self._operator_digest is not None and hmac.compare_digest(digest, self._operator_digest):
            return self._operator
        return caller

    def holds(self, caller: Caller) -> bool:
        """Whether what was true of the caller when his request came in still is."""
        return self._directory.holds(caller)

    def check(self, caller: Caller, need: Need) -> None:
        """
        Raises:
            UnauthorizedError: whoever shows a key might.
            ForbiddenError: this caller may not; the message says what is lacking.
        """
        lacking = need.lacking(caller)
        if lacking is None:
            return
        if need is accounts.ADMIN and not caller.key:
            if self._operator_digest is None:
                lacking = (
                    "This needs an administrator's key. The first one is made with the operator's token: set "
                    "BET_INTEL_API_OPERATOR_TOKEN, or BET_INTEL_API_OPERATOR_TOKEN_FILE to the file that holds it."
                )
                raise ForbiddenError(lacking)
            raise UnauthorizedError(
                "This needs an administrator's key or the operator's token: Authorization: Bearer KEY."
            )
        if caller.is_anonymous:
            raise UnauthorizedError(f"{lacking} An administrator makes keys; send yours as Authorization: Bearer KEY.")
        raise ForbiddenError(f"{lacking} /v1/me says what it has.")

    def _key(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """What was sent as a key; None where nothing was.

        Raises:
            UnauthorizedError: it cannot be one.
        """
        found: bytes | None = None
        for name, value in headers:
            if name == b"authorization":
                sent = self._bearer(value)
            elif name == b"x-api-key":
                sent = value.strip()
            else:
                continue
            if sent is None:
                continue
            if found is not None and not hmac.compare_digest(found, sent):
                raise UnauthorizedError("Two different keys were sent: send one, as Authorization: Bearer KEY.")
            found = sent
        if found is None:
            return None
        if not found or not found.isascii():
            raise UnauthorizedError("What was sent is no key: send it as Authorization: Bearer KEY.")
        return found.decode()

    def _bearer(self, value: bytes) -> bytes | None:
        if value[: len(_BEARER)].lower() == _BEARER:
            return value[len(_BEARER) :].strip()
        if self._access == "keys":
            raise UnauthorizedError("This takes Authorization: Bearer KEY, and no other kind of it.")
        # A proxy before a gateway that asks for no key may have asked for a password.
        return None

    def _known(self, key: str) -> Caller:
        caller = self.known(digest_of(key))
        if caller is not None:
            return caller
        if not is_key(key):
            raise UnauthorizedError("What was sent is no key: send it whole, as Authorization: Bearer KEY.")
        raise UnauthorizedError("This key is not, or no longer, in force: ask an administrator for another.")


def carry(scope: Any, caller: Caller) -> None:
    """Put the caller where `caller_of` finds it."""
    scope[_CALLER] = caller


def caller_of(request: Request) -> Caller:
    """Who sends this request."""
    caller: Caller = request.scope[_CALLER]
    return caller


def address_of(scope: Scope) -> str:
    """The network that a request without a key is counted under: an address, of IPv6 the /64 that a site has."""
    return _network(scope["client"][0] if scope.get("client") else "")


@lru_cache(maxsize=10_000)
def _network(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 4:
        return host
    return str(address.ipv4_mapped or ipaddress.ip_network((address, _V6_SITE), strict=False))


def _is_local(scope: Scope) -> bool:
    """Whether the request comes from this machine and was meant for it: a page of another site that a browser here
    shows may have its name resolved to this machine, and gives itself away by that name."""
    client = scope.get("client")
    return client is not None and _is_loopback(client[0]) and _is_loopback(_host(scope))


def _host(scope: Scope) -> str:
    """The name or address that the request was sent to, without its port."""
    for name, value in scope["headers"]:
        if name == b"host":
            host: str = value.decode("latin-1")
            return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    server = scope.get("server")
    return server[0] if server else ""


@lru_cache(maxsize=1000)
def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
