"""Signed webhooks (Standard Webhooks): a POST to an address that a subscriber named."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cache
from importlib.metadata import version

import httpcore
import httpx
from standardwebhooks import Webhook

from bet_intel.notifier.channels.guard import GuardedBackend, NotPublicError, Resolve, resolve
from bet_intel.notifier.channels.port import Notification, SendError
from bet_intel.shared.secret_box import SecretBox
from bet_intel.shared.secret_errors import SecretBoxError
from bet_intel.shared.times import Clock

WEBHOOK = "webhook"
_CONNECT_SECONDS = 5.0
_GONE = 410
_CONNECTIONS = 100


@cache
def _trusted() -> ssl.SSLContext:
    """Read once: it takes as long as the rest of a notifier's start."""
    return ssl.create_default_context()


class _GuardedTransport(httpx.AsyncHTTPTransport):
    def __init__(self, backend: GuardedBackend) -> None:
        super().__init__(trust_env=False, verify=_trusted())
        # httpx does not hand a network backend on to the pool that it makes.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=_trusted(),
            max_connections=_CONNECTIONS,
            # Kept connections would be reused without a look at where the name leads now.
            max_keepalive_connections=0,
            network_backend=backend,
        )


class WebhookChannel:
    """`port.Channel` for receivers of webhooks. `box` opens their secrets."""

    def __init__(self, client: httpx.AsyncClient, box: SecretBox | None, clock: Clock) -> None:
        self._client = client
        self._box = box
        self._clock = clock

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        box: SecretBox | None,
        clock: Clock,
        *,
        seconds: float,
        allow_loopback: bool,
        resolver: Resolve = resolve,
    ) -> AsyncIterator["WebhookChannel"]:
        """A channel that waits `seconds` for an answer, and connects to the public internet alone, or to this machine
        too."""
        backend = GuardedBackend(allow_loopback=allow_loopback, resolver=resolver)
        async with httpx.AsyncClient(
            transport=_GuardedTransport(backend),
            timeout=httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS)),
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": f"bet-intel/{version('bet-intel')}"},
        ) as client:
            yield cls(client, box, clock)

    async def send(self, notification: Notification) -> int:
        receiver = notification.receiver
        if receiver is None:
            raise SendError("there is no receiver")
        now = self._clock().astimezone(UTC)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": notification.delivery_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._secret(receiver.secret).sign(notification.delivery_id, now, notification.body),
        }
        try:
            # Its status is all that is read of the answer.
            async with self._client.stream(
                "POST", receiver.url, content=notification.body, headers=headers
            ) as response:
                return self._judged(response)
        except NotPublicError as error:
            raise SendError(str(error)) from error
        except httpx.TimeoutException as error:
            raise SendError("the receiver did not answer in time") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SendError(f"the receiver was not reached: {str(error) or type(error).__name__}") from error

    def _secret(self, closed: bytes) -> Webhook:
        if self._box is None:
            raise SendError("no key to sign with: set BET_INTEL_NOTIFIER_SECRETS_KEY_FILE to the gateway's")
        try:
            return Webhook(self._box.open(closed).decode())
        except SecretBoxError as error:
            raise SendError(str(error)) from error

    def _judged(self, response: httpx.Response) -> int:
        status = response.status_code
        if response.is_success:
            return status
        if status == _GONE:
            raise SendError("the receiver wants no more (410 Gone)", status=status, is_gone=True)
        what = "redirects, which are not followed" if response.is_redirect else f"answered {status}"
        raise SendError(f"the receiver {what}", status=status, retry_after=self._wait(response))

    def _wait(self, response: httpx.Response) -> float:
        """Seconds that Retry-After asks for, as a number or a date."""
        asked = response.headers.get("retry-after", "").strip()
        if asked.isdigit():
            return float(asked[:9])
        try:
            at = parsedate_to_datetime(asked)
        except (TypeError, ValueError):
            return 0.0
        # A date without a zone is one in UTC.
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        return max(0.0, (at - self._clock()).total_seconds())
