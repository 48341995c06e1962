"""The gateway's HTTP, as far as `bet-intel bets` needs it."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from bet_intel.compose.commands.errors import CommandError

_SECONDS = 30.0


class Gateway:
    """One connection to a gateway.

    Raises (every call):
        CommandError: it does not answer, or refuses what is not the fault of one bet.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        # No proxy: the gateway is at the address that was given.
        self._client = httpx.Client(timeout=_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._client.close()

    def get(self, path: str, query: Mapping[str, str | int]) -> Any:
        answer = self._ask("GET", path, params=dict(query))
        if answer.status_code != httpx.codes.OK:
            raise CommandError(_problem(answer))
        return answer.json()

    def keep(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a bet; what became of it: `status` matched, unmatched, known (its reference was there) or rejected, with
        its `id` or the `reason`."""
        answer = self._ask("POST", "/v1/bets", json=dict(body))
        if answer.status_code == httpx.codes.CREATED:
            bet = answer.json()
            reason = bet["unmatched_reason"]
            status = "matched" if reason is None else "unmatched"
            return {"status": status, "id": bet["id"], "reason": reason}
        if answer.status_code == httpx.codes.CONFLICT:
            return {"status": "known", "reason": _problem(answer)}
        if answer.status_code == httpx.codes.BAD_REQUEST:
            return {"status": "rejected", "reason": _problem(answer)}
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
    return f"{detail} (HTTP {answer.status_code})" if answer.is_server_error else str(detail)
