"""How the drills ask databases."""

import asyncio
from pathlib import Path

import pytest

from drills.asking import Asker
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration


async def test_nothing_is_left_open_when_nothing_is_asked_any_more(make_database: MakeDatabase) -> None:
    dsn = await make_database()
    before = _open()
    asker = Asker()
    assert await asyncio.to_thread(asker.number, dsn, "select 6 * 7") == 42
    await asyncio.to_thread(asker.close)
    assert _open() == before


def _open() -> set[Path]:
    return set(Path("/proc/self/fd").iterdir())
