"""Reads that many ask for in the same moment."""

import asyncio
from dataclasses import dataclass, field

import pytest

from bet_intel.api.shared_reads import SharedReads
from bet_intel.shared.postgres import DatabaseUnavailableError
from fixtures.waiting import until


@dataclass
class Shelf:
    """Answers when it is told to: the keys that are being read, in order, and what they will be answered."""

    under_way: list[tuple[str, asyncio.Future[int]]] = field(default_factory=list)
    begun: int = 0

    async def read(self, key: str) -> int:
        self.begun += 1
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        one = (key, answer)
        self.under_way.append(one)
        try:
            return await answer
        finally:
            self.under_way.remove(one)

    async def answer(self, number: int | Exception) -> None:
        await until(lambda: bool(self.under_way))
        future = self.under_way[0][1]
        if isinstance(number, Exception):
            future.set_exception(number)
        else:
            future.set_result(number)
        await until(future.done)
        await asyncio.sleep(0)


def shared(shelf: Shelf, at_once: int = 4) -> SharedReads[str, int]:
    return SharedReads(shelf.read, asyncio.Semaphore(at_once))


async def asked(reads: SharedReads[str, int], *keys: str) -> list["asyncio.Task[int]"]:
    """Questions that have been asked by now."""
    tasks = [asyncio.ensure_future(reads(key)) for key in keys]
    await asyncio.sleep(0)
    return tasks


async def test_who_asks_while_others_wait_is_answered_with_them() -> None:
    shelf = Shelf()
    reads = shared(shelf)
    first = await asked(reads, "a")
    others = await asked(reads, *["a"] * 100)
    await shelf.answer(1)
    await shelf.answer(2)
    # What had begun before they asked does not answer them.
    assert await asyncio.gather(*first, *others) == [1] + [2] * 100
    assert shelf.begun == 2


async def test_nothing_is_kept_for_who_asks_later() -> None:
    shelf = Shelf()
    reads = shared(shelf)
    for number in (1, 2):
        (one,) = await asked(reads, "a")
        await shelf.answer(number)
        assert await one == number


async def test_where_who_reads_for_others_leaves_another_reads() -> None:
    shelf = Shelf()
    reads = shared(shelf)
    first, second, third = await asked(reads, "a", "a", "a")
    first.cancel()
    await asyncio.wait({first})
    await until(lambda: shelf.begun == 2)
    second.cancel()
    await until(lambda: shelf.begun == 3)
    await shelf.answer(3)
    assert await third == 3


async def test_an_error_is_of_all_who_waited_for_it_and_of_nobody_else() -> None:
    shelf = Shelf()
    reads = shared(shelf, at_once=1)
    (other,) = await asked(reads, "b")
    waiting = await asked(reads, "a", "a", "a")
    await shelf.answer(0)
    await shelf.answer(DatabaseUnavailableError("gone"))
    for one in waiting:
        with pytest.raises(DatabaseUnavailableError):
            await one
    assert (await other, shelf.begun) == (0, 2)
    (later,) = await asked(reads, "a")
    await shelf.answer(1)
    assert await later == 1


async def test_only_so_many_are_under_way() -> None:
    shelf = Shelf()
    reads = shared(shelf, at_once=2)
    tasks = await asked(reads, "a", "b", "c", "d", "c")
    for number in range(4):
        await until(lambda: len(shelf.under_way) > 0)
        assert len(shelf.under_way) <= 2
        await shelf.answer(number)
    assert await asyncio.gather(*tasks) == [0, 1, 2, 3, 2]
