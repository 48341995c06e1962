"""A way to reach a person."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Notification:
    """What is sent: the delivery it belongs to, for whom it is, and one readable line."""

    delivery_id: int
    subscription_id: str
    text: str


class Channel(Protocol):
    """Sends notifications. A receiver may see one twice: after a crash between sending and remembering that."""

    async def send(self, notification: Notification) -> None:
        """Returns when the notification is out of our hands.

        Raises:
            Exception: whatever kept it from that; it is counted on the delivery, with its text as the reason.
        """
        ...
