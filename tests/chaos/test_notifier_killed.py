"""A notifier that is killed again and again around its sending loses no alert, and repeats one only under its id."""

import asyncio
import base64
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

import bet_intel.notifier.app
import bet_intel.shared.outbox
from bet_intel.events.v1.subscription_changed_pb2 import SubscriptionChanged, SubscriptionStatus, Webhook
from bet_intel.shared.secret_box import SecretBox
from chaos.notifier_killed_at import OPPORTUNITIES, POINTS
from fixtures.postgres import MakeDatabase
from fixtures.webhooks import receiving

pytestmark = pytest.mark.chaos

MIGRATIONS = [
    Path(bet_intel.shared.outbox.__file__).with_name("migrations"),
    Path(bet_intel.notifier.app.__file__).with_name("migrations"),
]
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
SECRET = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"  # noqa: S105 - made up
# In their order each leaves work for the next: so many sendings have passed when the process dies.
KILLS = [
    ("alerts stored, not committed", 1),
    ("before the request", 3),
    ("answered, not stored", 4),
    ("stored, not published", 9),
    ("published, not deleted", 2),
]


async def run(dsn: str, subscription: bytes, *point: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "chaos.notifier_killed_at",
        dsn,
        KEY,
        base64.b64encode(subscription).decode(),
        *point,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_nothing_is_lost_and_what_is_repeated_has_the_same_id(make_database: MakeDatabase) -> None:
    assert {point for point, _ in KILLS} == set(POINTS)
    dsn = await make_database(MIGRATIONS)
    async with receiving() as receiver:
        receiver.secret = SECRET
        subscription = SubscriptionChanged(
            id="s",
            revision=1,
            status=SubscriptionStatus.SUBSCRIPTION_STATUS_ACTIVE,
            profile="consensus",
            classes=["take"],
            min_ev=0.045,
            realert_step=0.02,
            webhook=Webhook(url=receiver.url, encrypted_secret=SecretBox(KEY).close(SECRET.encode())),
        ).SerializeToString()
        for point, count in KILLS:
            code, said = await run(dsn, subscription, point, str(count))
            assert code == -signal.SIGKILL, f"not killed at: {point}\n{said}"
        code, said = await run(dsn, subscription)
        assert code == 0, said
    told = Counter((one.id, one.data["opportunity"]["id"]) for one in receiver.received)
    # Every opportunity under one id, every id for one opportunity.
    assert sorted(opportunity for _, opportunity in told) == sorted(str(n) for n in range(OPPORTUNITIES))
    assert len({id for id, _ in told}) == OPPORTUNITIES
    # Repeated is at most what was under way when the process died.
    assert sum(told.values()) - OPPORTUNITIES <= 8 * len(KILLS)
    assert receiver.unsigned == 0
