"""Takes a guard away from the services of a test: Python imports this at its start where the test puts it in the path.

Each patch does its harm while a file of its name lies in the folder `DRILLS_SABOTAGE`, so that one cluster serves the
tests of all. No setting of the product can do this.
"""

import itertools
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

_FOLDER = os.environ.get("DRILLS_SABOTAGE", "")
_EVERY = 3


def _is_on(name: str) -> bool:
    return (Path(_FOLDER) / name).exists()


def _now_and_then(name: str) -> Callable[[], bool]:
    calls = itertools.count(1)
    return lambda: _is_on(name) and next(calls) % _EVERY == 0


def _confirms_off() -> None:
    """What is published counts as confirmed, whether or not it arrived; now and then it did not."""
    from bet_intel.shared.rabbitmq.bus import RabbitBus

    publish, is_lost = RabbitBus.publish, _now_and_then("confirms-off")

    async def forgetful(self: RabbitBus, message: Any) -> None:
        if not is_lost():
            await publish(self, message)

    RabbitBus.publish = forgetful  # type: ignore[method-assign]


def _ids_off() -> None:
    """Each attempt of a delivery has an id of its own, and now and then there is one too many."""
    from bet_intel.notifier.channels.webhook import WebhookChannel

    send, is_repeated = WebhookChannel.send, _now_and_then("ids-off")

    async def nameless(self: WebhookChannel, notification: Any) -> int:
        if is_repeated():
            await send(self, replace(notification, delivery_id=f"{notification.delivery_id}-again"))
        return await send(self, notification)

    WebhookChannel.send = nameless  # type: ignore[method-assign]


def _order_off() -> None:
    """A stream leaves out what it reads last, now and then."""
    from bet_intel.api.feed import FeedTail

    after, is_left_out = FeedTail.after, _now_and_then("order-off")

    def careless(self: FeedTail, id: Any, limit: int) -> Any:
        entries = after(self, id, limit)
        return entries[1:] if entries and len(entries) > 1 and is_left_out() else entries

    FeedTail.after = careless  # type: ignore[method-assign]


def _tokens_off() -> None:
    """A read goes to any replica, whatever its token says."""
    from bet_intel.shared.postgres.routes import Routes

    read = Routes.read

    async def forgetful(self: Routes, after: Any) -> Any:
        return await read(self, None if _is_on("tokens-off") else after)

    Routes.read = forgetful  # type: ignore[method-assign]


def _outbox_off() -> None:
    """A message is told beside the transaction, and now and then the process did not come to it."""
    from bet_intel.shared.outbox import UnitOfWork

    append, is_lost = UnitOfWork.append, _now_and_then("outbox-off")

    def forgetful(self: UnitOfWork, *outgoing: Any) -> None:
        append(self, *(one for one in outgoing if not is_lost()))

    UnitOfWork.append = forgetful  # type: ignore[method-assign]


if _FOLDER and len(sys.orig_argv) > 2 and sys.orig_argv[-1] in ("serve", "consume", "worker", "schedule"):
    _confirms_off()
    _tokens_off()
    _outbox_off()
    if "bet_intel.notifier" in sys.orig_argv:
        _ids_off()
    if "bet_intel.api" in sys.orig_argv:
        _order_off()
