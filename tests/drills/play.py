"""One drill from its beginning to its row: play, strike, mend, wait until all is quiet, and judge what came of it."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx

from drills import facts, ledger
from drills.drill import Fault
from drills.ledger import Alerts, Ending, Told
from drills.load import Found, Load, loading
from drills.pacing import until_moment
from drills.recording import mark_of
from drills.stage import DEAD_TASKS, LETTERS, Stage, StageError
from drills.table import Row
from drills.tap import Tap
from drills.timeline import Gap, Timeline, back_at
from drills.watch import Watch, watching
from fixtures.webhooks import Receiver

FUNCTIONS = ("reads", "writes", "events", "notifications")
CLASSES = frozenset({"take", "marginal", "suspect"})
MIN_EV = 0.01
_START_SECONDS = 120.0
_PLAY_SECONDS = 300.0
_QUIET_SECONDS = 120.0
_AFTER_SECONDS = 6.0
_LOOK_SECONDS = 0.5
"""Between two looks at the alerts, so that looking is no load of its own."""
_LEAST_GAP = 1.0
"""A shorter one is no disturbance, however quick all else is."""
_SLACK = 1.5
_SLOW = 2.0


@dataclass(slots=True)
class Undisturbed:
    """What a play comes to when nothing is struck, and how long each function is silent then."""

    ending: Ending | None = None
    usual: dict[str, float] = field(default_factory=dict)

    def limit(self, function: str) -> float:
        return max(_LEAST_GAP, _SLACK * self.usual.get(function, 0.0))


@dataclass(slots=True)
class _Moments:
    """In seconds of the monotonic clock; `played` is when the load ends."""

    began: float = 0.0
    struck: float = 0.0
    mended: float = 0.0
    played: float = 0.0


@dataclass(slots=True)
class Play:
    """What all drills of a run share."""

    stage: Stage
    receiver: Receiver
    tap: Tap
    undisturbed: Undisturbed
    say: Callable[[str], None]

    async def drill(self, fault: Fault) -> Row:
        """Plays the recording, strikes, mends, waits until all is quiet, and writes the row.

        Raises:
            StageError: the cluster did not come so far that anything could be said.
        """
        began = time.monotonic()
        reason = _lacking(fault)
        if reason is not None:
            return Row(fault.name, fault.title, str(fault.bound), skipped=reason)
        self.stage.notes = {}
        self.stage.receiver = self.receiver
        self.receiver.arriving = self.receiver.answered = None
        self.receiver.received.clear()
        self.tap.clear()
        wrong: list[str] = []
        moments = _Moments()
        if fault.prepare is not None:
            self.say("preparing")
            await asyncio.to_thread(fault.prepare, self.stage)
        async with httpx.AsyncClient(base_url=self.stage.url, trust_env=False, timeout=10) as client:
            subscription = await self._subscribe(client)
            async with loading(self.stage.url) as load:
                await asyncio.to_thread(self.stage.begin_play)
                moments.began = time.monotonic()
                async with self._watched(fault, wrong):
                    await self._strike(fault, moments)
                    try:
                        await self._until_played(moments)
                        moments.played = time.monotonic()
                        await load.end()
                        await self._until_quiet(load, subscription)
                    except StageError as error:
                        wrong.append(str(error))
                moments.played = moments.played or time.monotonic()
                found = await load.found()
            self.say("writing the ledger")
            row = await self._row(fault, found, moments, subscription, wrong)
            self.say("bringing all back")
            await asyncio.to_thread(self._settle, fault)
            self.say("back")
            await client.delete(f"/v1/subscriptions/{subscription}")
        row.wrong.extend(wrong)
        return _timed(row, time.monotonic() - began)

    async def _subscribe(self, client: httpx.AsyncClient) -> str:
        """To everything from MIN_EV on; returns when the notifier knows."""
        rule = {"name": mark_of(self.stage.play + 1), "classes": sorted(CLASSES), "min_ev": MIN_EV, "realert_step": 1}
        answer = await client.post("/v1/subscriptions", json={**rule, "webhook": {"url": self.receiver.url}})
        answer.raise_for_status()
        created = answer.json()
        self.receiver.secret = created["secret"]
        query = f"select count(*) from subscription where id = '{created['id']}' and status = 'active'"
        known = lambda: self.stage.number("notifier", query) == 1  # noqa: E731 - said where it is asked
        await asyncio.to_thread(self.stage.until, known, _START_SECONDS, "the notifier knows the subscription")
        return str(created["id"])

    @asynccontextmanager
    async def _watched(self, fault: Fault, wrong: list[str]) -> AsyncIterator[None]:
        """Says whether an operator was told, where a fault is one that he must be told of."""
        if fault.alert is None:
            yield
            return
        async with AsyncExitStack() as stack:
            prometheus = watching(self.stage)
            watch = await asyncio.to_thread(prometheus.__enter__)
            stack.push_async_callback(asyncio.to_thread, prometheus.__exit__, None, None, None)
            fired: set[str] = set()
            looking = asyncio.create_task(_look(watch, fired))
            stack.callback(looking.cancel)
            yield
            if fault.alert not in fired:
                wrong.append(f"the alert {fault.alert} was not raised ({', '.join(sorted(fired)) or 'nor another'})")

    async def _strike(self, fault: Fault, moments: _Moments) -> None:
        if fault.strike is None:
            moments.struck = moments.mended = moments.began
            return
        await self._until_position(fault.at)
        self.say(f"{fault.title}: struck")
        moments.struck = moments.mended = time.monotonic()
        await asyncio.to_thread(fault.strike, self.stage)
        if fault.mend is not None:
            await until_moment(moments.struck + fault.hold)
            await asyncio.to_thread(fault.mend, self.stage)
            self.say(f"{fault.title}: mended")
            moments.mended = time.monotonic()

    async def _until_position(self, position: int) -> None:
        reached = lambda: self.stage.position() >= position  # noqa: E731 - said where it is asked
        await asyncio.to_thread(self.stage.until, reached, _START_SECONDS, f"{position} snapshots are played")

    async def _until_played(self, moments: _Moments) -> None:
        """Until the recording has been played, and for long enough after the mend to see what came of it."""
        played = lambda: self.stage.position() == self.stage.recording.snapshots  # noqa: E731 - said where it is asked
        self.say("playing")
        await asyncio.to_thread(self.stage.until, played, _PLAY_SECONDS, "the recording is played to its end")
        await asyncio.to_thread(self.stage.finish)
        await until_moment(moments.mended + _AFTER_SECONDS)

    async def _until_quiet(self, load: Load, subscription: str) -> None:
        """Until nothing of the play waits anywhere."""
        stage = self.stage
        self.say("waiting until all is quiet")
        quiet = lambda: not self._waits(load, subscription)  # noqa: E731 - said where it is asked
        try:
            await asyncio.to_thread(stage.until, quiet, _QUIET_SECONDS, "nothing waits any more")
        except StageError as error:
            waits = await asyncio.to_thread(self._waits, load, subscription)
            raise StageError(f"{error}: {waits}") from error

    def _waits(self, load: Load, subscription: str) -> str:
        """What waits somewhere, in words; nothing, and the play is over."""
        stage = self.stage
        pending = f"select count(*) from delivery where subscription_id = '{subscription}' and state = 'pending'"
        seq = facts.feed_seq(stage)
        waiting = {f"outbox of {service}": number for service, number in stage.outboxes().items()}
        waiting |= {name: number for name, number in stage.depths().items() if not name.endswith((".dead", ".XQ"))}
        waiting["deliveries"] = stage.number("notifier", pending)
        waiting |= {f"follower {number}": seq - position for number, position in enumerate(load.positions, 1)}
        return ", ".join(f"{where} {number}" for where, number in waiting.items() if number > 0)

    async def _row(self, fault: Fault, found: Found, moments: _Moments, subscription: str, wrong: list[str]) -> Row:
        stage = self.stage
        told = await asyncio.to_thread(self._alerts, subscription)
        wrong += await asyncio.to_thread(self._ledger, found)
        wrong += told.faults
        if fault.judge is not None:
            wrong += await asyncio.to_thread(fault.judge, stage)
        # Of opportunities the filters leave some out, but the same for all followers.
        there = (await asyncio.to_thread(facts.feed_odds, stage)).union(*(one.seqs for one in found.followers))
        for number, follower in enumerate(found.followers, 1):
            wrong += follower.faults(f"follower {number}", there, anew=fault.bound.anew)
        if found.stale:
            wrong.append(f"{len(found.stale)} reads were older than their token: {found.stale[0]}")
        lines = {
            "reads": found.reads,
            "writes": found.writes,
            # Of whoever was silent the longest: a follower who hears of odds, or the bus that hears of opportunities.
            "events": max((*(one.times for one in found.followers), self.tap.times), key=_silence),
        }
        windows = dict.fromkeys(("reads", "writes"), (moments.began, moments.played))
        windows["events"] = _window(lines["events"])
        gaps = {name: line.longest(*windows[name]).seconds for name, line in lines.items()}
        # There is not always somebody to be told: an alert's gap is the time that it takes.
        gaps["notifications"] = max((seconds for _, seconds in told.on_the_way), default=0.0)
        if fault.strike is None and not self.undisturbed.usual:
            self.undisturbed.usual = gaps
        limits = {name: self.undisturbed.limit(name) for name in FUNCTIONS}
        backs = {
            name: line.back_at(max(windows[name][0], moments.struck), windows[name][1], limits[name]) or 0.0
            for name, line in lines.items()
        }
        ways = sorted(Gap(at - seconds - _epoch(), seconds) for at, seconds in told.on_the_way)
        due = [way for way in ways if way.end > moments.struck]
        backs["notifications"] = back_at(due, moments.struck, limits["notifications"]) or 0.0
        recovered = {name: max(0.0, at - moments.mended) if fault.strike else 0.0 for name, at in backs.items()}
        row = Row(
            fault=fault.name,
            title=fault.title,
            bound=str(fault.bound),
            reads=len(found.reads.done),
            writes=len(found.acknowledged),
            alerts=told.delivered,
            failed_reads=len(found.reads.failed),
            failed_writes=len(found.writes.failed),
            gaps={name: round(gap, 3) for name, gap in gaps.items()},
            slowest_read=round(found.reads.slowest, 3),
            lost=told.lost,
            doubled=told.doubled,
            repeated=told.repeated,
            superseded=[f"{one.opportunity} opening {one.number}: {one.lifetime:.2f} s" for one in told.superseded],
            recovered=round(max(recovered.values()), 3),
            back={name: round(seconds, 3) for name, seconds in recovered.items()},
        )
        row.late.extend(_late(fault, row))
        if row.slowest_read > _SLOW:
            self.say(f"the slowest read was {found.reads.slowest_was}, struck at {moments.struck:.1f}")
        wrong += _failed(fault, found)
        if told.repeated and not fault.bound.repeats:
            wrong.append(f"{told.repeated} alerts came a second time under their id")
        return row

    def _alerts(self, subscription: str) -> Alerts:
        mark = mark_of(self.stage.play)
        sets = {event: told for event, told in self.tap.sets().items() if mark in event}
        present = [one for one in self.receiver.received if mark in one.data["event"]["id"]]
        received = [
            Told(one.id, one.data["opportunity"]["id"], one.data["opportunity"]["opening"], one.at + _epoch())
            for one in present
        ]
        return ledger.alerts(
            ledger.openings(sets, CLASSES, MIN_EV),
            facts.deliveries(self.stage, subscription),
            received,
            facts.applied_sets(self.stage),
        )

    def _ledger(self, load: Found) -> list[str]:
        stage = self.stage
        found = facts.ending(stage)
        if self.undisturbed.ending is None:
            self.undisturbed.ending = found
        return [
            *ledger.differences(found, self.undisturbed.ending),
            *ledger.writes(load.acknowledged, facts.kept_writes(stage), facts.copied_writes(stage)),
            *ledger.left_over(
                stage.outboxes(),
                _unexpected(facts.dead_queues(stage), stage.notes.get(DEAD_TASKS, {})),
                _unexpected(facts.dead_letters(stage), stage.notes.get(LETTERS, {})),
            ),
        ]

    def _settle(self, fault: Fault) -> None:
        if fault.settle is not None:
            fault.settle(self.stage)
        self.stage.end_play()
        self.stage.heal()
        self.stage.forget_dead()


async def _look(watch: Watch, fired: set[str]) -> None:
    while True:
        fired |= await asyncio.to_thread(watch.firing)
        await asyncio.sleep(_LOOK_SECONDS)


def _lacking(fault: Fault) -> str | None:
    """Why it cannot be drilled here."""
    if fault.alert is not None and shutil.which("prometheus") is None:
        return "needs Prometheus: apt-get install prometheus"
    return fault.lacks() if fault.lacks is not None else None


def _unexpected(letters: Mapping[str, int], expected: Mapping[str, int]) -> dict[str, int]:
    """The dead letters that a fault did not mean to make, by service or queue."""
    return {owner: number - expected.get(owner, 0) for owner, number in letters.items()}


def _epoch() -> float:
    """What the monotonic clock lacks of the other."""
    return time.time() - time.monotonic()


def _silence(times: Timeline) -> float:
    return times.longest(*_window(times)).seconds


def _window(times: Timeline) -> tuple[float, float]:
    """From the first to the last: before and behind there was nothing to tell."""
    return (min(times.done), max(times.done)) if times.done else (0.0, 0.0)


def _failed(fault: Fault, load: Found) -> list[str]:
    """Requests that failed against the bound."""
    return [
        f"{len(times.failed)} {name} failed, the first: {times.failed[0][1]}"
        for name, most, times in (
            ("reads", fault.bound.failed_reads, load.reads),
            ("writes", fault.bound.failed_writes, load.writes),
        )
        if most is not None and len(times.failed) > most
    ]


def _late(fault: Fault, row: Row) -> list[str]:
    """What took longer than its bound."""
    bound = fault.bound
    gaps = {**row.gaps, "reads": max(row.gaps["reads"], row.slowest_read)}
    held = (
        *((f"no {name} for", gaps[name], getattr(bound, name)) for name in FUNCTIONS),
        ("no writes after the mend for", row.back["writes"], bound.writes_back),
        ("all was as before only after", row.recovered, bound.recovered),
    )
    return [
        f"{what} {took:.2f} s; the bound is {most:g} s" for what, took, most in held if most is not None and took > most
    ]


def _timed(row: Row, seconds: float) -> Row:
    return replace(row, seconds=round(seconds, 1))
