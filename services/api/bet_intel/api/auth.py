"""Who may do what. Until there are accounts, everything belongs to one local account; operators have a token."""

import hmac
import ipaddress

from pydantic import SecretStr
from starlette.requests import Request

from bet_intel.api.problems import ForbiddenError, UnauthorizedError

LOCAL = "local"
"""The account that owns what is created here."""
_BEARER = "bearer "


class Operators:
    """Lets operators in: by a token or, where that is allowed and there is none, from this machine."""

    def __init__(self, token: SecretStr | None, *, open_on_loopback: bool) -> None:
        self._token = None if token is None else token.get_secret_value().encode()
        self._open_on_loopback = open_on_loopback

    def check(self, request: Request) -> None:
        """
        Raises:
            UnauthorizedError: the request carries no token, or a wrong one.
            ForbiddenError: there is no token that would do.
        """
        if self._token is not None:
            given = request.headers.get("authorization", "")
            token = given[len(_BEARER) :].strip() if given.lower().startswith(_BEARER) else ""
            if not hmac.compare_digest(token.encode(), self._token):
                raise UnauthorizedError("This needs the operator's token: Authorization: Bearer TOKEN.")
        elif not (self._open_on_loopback and _is_local(request)):
            raise ForbiddenError(
                "No operator's token is configured: set BET_INTEL_API_OPERATOR_TOKEN, or "
                "BET_INTEL_API_OPERATOR_TOKEN_FILE to the file that holds it."
            )


def _is_local(request: Request) -> bool:
    """Whether the request comes from this machine and was meant for it: a page of another site that a browser here
    shows may have its name resolved to this machine, and gives itself away by that name."""
    return request.client is not None and _is_loopback(request.client.host) and _is_loopback(request.url.hostname or "")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
