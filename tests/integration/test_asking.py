"""How the drills ask databases."""

import asyncio
import os

import pytest

from drills.asking import Asker
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration


async def test_nothing_is_left_open_when_nothing_is_asked_any_more(make_database: MakeDatabase) -> None:
    dsn = await make_database()
    before = set(os.listdir("/proc/self/fd"))
    asker = Asker()
    assert await asyncio.to_thread(asker.number, dsn, "select 6 * 7") == 42
    await asyncio.to_thread(asker.close)
    assert set(os.listdir("/proc/self/fd")) == before
