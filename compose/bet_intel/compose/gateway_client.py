"""The gateway's HTTP, as far as commands need it."""

import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic_settings import SettingsError

from bet_intel.compose.commands.errors import CommandError
from bet_intel.shared.settings import secret

_URL = "BET_INTEL_URL"
_DEFAULT = "http://127.0.0.1:8000"
_KEY = "BET_INTEL_KEY"
_TOKEN = "BET_INTEL_API_OPERATOR_TOKEN"  # noqa: S105 - the name of a variable
_OTHER_BET = "/problems/other-bet"
_PAGE = 200
"""The most that one page of a list may have."""
_SECONDS = 30.0
_FOR_NOW = (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)


class LaterError(CommandError):
    """Refused for now: it may be asked for again after `seconds`, as the gateway says."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Gateway:
    """One connection to a gateway: at `url`, else where BET_INTEL_URL says, else on this machine.

    It sends the key that BET_INTEL_KEY holds, or that lies in the file which BET_INTEL_KEY_FILE names; where an
    administrator is needed (`administers`) and there is none, the operator's token.

    Raises (every call):
        CommandError: it does not answer, or refuses what is not the fault of one bet.
    """

    def __init__(self, url: str | None, *, administers: bool = False) -> None:
        self._url = (url or os.environ.get(_URL) or _DEFAULT).rstrip("/")
        try:
            key = secret(_KEY) or (secret(_TOKEN) if administers else None)
        except SettingsError as error:
            raise CommandError(str(error)) from None
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        # No proxy: the gateway is at the address that was given.
        self._client = httpx.Client(timeout=_SECONDS, trust_env=False, headers=headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._client.close()

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
        answer = self._ask("GET", path, params=dict(query or {}))
        if answer.status_code != httpx.codes.OK:
            raise CommandError(_problem(answer))
        return answer.json()

    def pages(self, path: str, query: Mapping[str, str | int] | None = None, *, most: int | None = None) -> list[Any]:
        """Everything that a list has, or `most` of it."""
        found: list[Any] = []
        after: dict[str, str] = {}
        while True:
            limit = _PAGE if most is None else min(_PAGE, most - len(found))
            page = self.get(path, {"limit": limit, **(query or {}), **after})
            found += page["data"]
            if page["next_cursor"] is None or len(found) == most:
                return found
            after = {"cursor": page["next_cursor"]}

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """A write; what it answers, None where that is nothing."""
        answer = self._ask(method, path, **({} if body is None else {"json": dict(body)}))
        if not answer.is_success:
            raise CommandError(_problem(answer))
        return answer.json() if answer.content else None

    def keep(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a bet; what became of it: `status` matched, unmatched, known (it was kept before), completed (it was,
        and has taken what it was not told before) or rejected, with its `id` or the `reason`.

        Raises:
            LaterError: it asks for patience, and says for how long.
        """
        answer = self._ask("POST", "/v1/bets", json=dict(body))
        if answer.status_code == httpx.codes.CREATED:
            bet = answer.json()
            reason = bet["unmatched_reason"]
            status = "matched" if reason is None else "unmatched"
            return {"status": status, "id": bet["id"], "reason": reason}
        if answer.status_code == httpx.codes.OK:
            return {"status": "completed", "id": answer.json()["id"], "reason": None}
        if answer.status_code == httpx.codes.CONFLICT:
            status = "rejected" if answer.json().get("type") == _OTHER_BET else "known"
            return {"status": status, "reason": _problem(answer)}
        if answer.status_code == httpx.codes.BAD_REQUEST:
            return {"status": "rejected", "reason": _problem(answer)}
        seconds = answer.headers.get("Retry-After", "")
        if answer.status_code in _FOR_NOW and seconds.isdecimal():
            raise LaterError(_problem(answer), float(seconds))
        raise CommandError(_problem(answer))

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._client.request(method, self._url + path, **options)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise CommandError(
                f"no gateway answers at {self._url} ({reason}): start one (bet-intel up), or name it by --url"
            ) from error


def _problem(answer: httpx.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = answer.text[:200]
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return f"{detail} Commands take it from {_KEY}, or from the file that {_KEY}_FILE names."
    return f"{detail} (HTTP {answer.status_code})" if answer.is_server_error else str(detail)
