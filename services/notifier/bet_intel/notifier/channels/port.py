"""A way to reach a person."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where a subscription's messages go; `secret` (encrypted) signs them."""

    url: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class Notification:
    """What is sent: the delivery it belongs to, for whom it is, one readable line, and the same as JSON. `receiver` is
    None for channels that need none."""

    delivery_id: str
    subscription_id: str
    text: str
    body: str
    receiver: Receiver | None = None


class SendError(Exception):
    """A channel did not take a notification. `status` is its answer, where it has such; `retry_after` the least seconds
    to wait as it asks for; `is_gone`: it never will again."""

    def __init__(
        self, reason: str, *, status: int | None = None, retry_after: float = 0.0, is_gone: bool = False
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.retry_after = retry_after
        self.is_gone = is_gone


class Channel(Protocol):
    """Sends notifications. A receiver may see one twice: after a crash between sending and remembering that."""

    async def send(self, notification: Notification) -> int | None:
        """Returns when the notification is out of our hands, with the answer's status where there is such.

        Raises:
            Exception: whatever kept it from that; it is counted on the delivery, with its text as the reason. A
                `SendError` tells more.
        """
        ...
