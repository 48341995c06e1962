"""Answers that are kept ready, and made anew: what one of them does is its own affair."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any, cast

import structlog
from prometheus_client import CollectorRegistry

from bet_intel.api.feed import FeedTail, Generation
from bet_intel.api.problems import NotFoundError
from bet_intel.api.ready_answers import AnswerKey, ReadyAnswer, ReadyAnswers
from bet_intel.shared.postgres import DatabaseUnavailableError
from fixtures.waiting import running, until


@dataclass
class Tail:
    """Where the read model stands, as a test says."""

    generation: Generation = field(default_factory=lambda: Generation(1, 1))
    closed: bool = False
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0

    async def changed(self, _generation: Generation, seconds: float) -> None:
        self.waiting += 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.moved.wait()
        self.waiting -= 1
        self.moved.clear()

    async def move(self) -> None:
        """As soon as both who follow it wait for it."""
        await until(lambda: self.waiting == 2)
        self.generation = Generation(1, self.generation.number + 1)
        self.moved.set()


@dataclass
class Kept:
    """Ready answers that were asked for twice, by name, and how each is made anew."""

    tail: Tail = field(default_factory=Tail)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    answers: ReadyAnswers = field(init=False)

    def __post_init__(self) -> None:
        self.answers = ReadyAnswers(
            cast("FeedTail", self.tail), 10, 3600.0, asyncio.get_running_loop().time, self.registry
        )

    def keep(self, name: str, *, asked: int, fails: Exception | None = None) -> None:
        async def make() -> ReadyAnswer:
            if fails is not None:
                raise fails
            return self._answer(name)

        self.answers.keep(self._key(name), self._answer(name), make)
        for _ in range(asked):
            self.find(name)

    def find(self, name: str) -> ReadyAnswer | None:
        return self.answers.find(self._key(name), 0.0)

    def is_of_now(self, name: str) -> bool:
        found = self.find(name)
        return found is not None and found.generation == self.tail.generation

    def counted(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"bet_intel_api_ready_answers{name}")

    def _answer(self, name: str) -> ReadyAnswer:
        return ReadyAnswer(name, b"{}", self.tail.generation, {})

    @staticmethod
    def _key(name: str) -> AnswerKey:
        return AnswerKey(name, b"", "")


async def renewed(*failures: Exception) -> tuple[Kept, list[Any]]:
    """What became of answers of which the first ones fail, and what was logged."""
    kept = Kept()
    for number, failure in enumerate(failures):
        kept.keep(f"fails {number}", asked=9, fails=failure)
    kept.keep("other", asked=1)
    with structlog.testing.capture_logs() as logged:
        async with running(kept.answers.run()):
            await kept.tail.move()
            await until(lambda: kept.is_of_now("other"), 5.0)
    return kept, logged


async def test_what_cannot_be_made_anew_is_dropped_and_the_others_are_made() -> None:
    kept, logged = await renewed(NotFoundError("There is no such event."), ZeroDivisionError("a bug"))
    assert [kept.find(f"fails {number}") for number in range(2)] == [None, None]
    assert (kept.counted(""), kept.counted("_made_total"), kept.counted("_dropped_total")) == (1, 1, 2)
    told = [(one["path"], one["log_level"]) for one in logged]
    assert told == [("fails 0", "info"), ("fails 1", "error")]


async def test_a_database_that_does_not_answer_drops_nothing() -> None:
    kept = Kept()
    kept.keep("one", asked=1, fails=DatabaseUnavailableError("gone"))
    with structlog.testing.capture_logs() as logged:
        async with running(kept.answers.run()):
            await kept.tail.move()
            await until(lambda: bool(logged), 5.0)
    assert kept.find("one") is not None
    assert kept.counted("_dropped_total") == 0


async def test_what_was_made_since_the_read_model_moved_stays_though_nobody_has_asked_again() -> None:
    kept = Kept()
    kept.keep("other", asked=1)
    async with running(kept.answers.run()):
        await kept.tail.move()
        kept.keep("just made", asked=0)
        await until(lambda: kept.is_of_now("other"), 5.0)
        await until(lambda: kept.tail.waiting == 2, 5.0)
        assert kept.find("just made") is not None
        # Whoever has asked for neither since then finds nothing: it would be made for nobody.
        kept.keep("for nobody", asked=0)
        await kept.tail.move()
        await until(lambda: kept.counted("_made_total") == 3, 5.0)
        assert kept.find("for nobody") is None
