"""What `bet-intel up` says to the person who started it."""

import socket
import time
from types import TracebackType
from typing import Self

from rich.console import Console as RichConsole
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from bet_intel.compose.embedded_postgres import Start
from bet_intel.compose.source import Source
from bet_intel.ev_engine.app import Totals
from bet_intel.odds_ingest import poll

_POSTGRES = {
    Start.CREATED: "PostgreSQL created and started",
    Start.STARTED: "PostgreSQL started on the data of an earlier run",
    Start.RECOVERED: "PostgreSQL started and recovered from a crash",
    Start.ADOPTED: "PostgreSQL was left running by an earlier run: taken over",
    Start.RESTARTED: "PostgreSQL was left running by an earlier run and did not answer: started anew",
}
_LINE_EVERY = 5.0


class Console:
    """Plain sentences on standard output; a progress bar on a terminal, a line every few seconds elsewhere."""

    def __init__(self) -> None:
        self._rich = RichConsole(highlight=False, soft_wrap=True)
        self._bar = Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            console=self._rich,
        )
        self._task: TaskID | None = None
        self._begun = 0.0
        self._last_line = 0.0
        self._prices = 0
        self._answers = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._bar.stop()

    def say(self, sentence: str) -> None:
        self._rich.print(sentence, markup=False)

    def postgres(self, how: Start, seconds: float) -> None:
        self.say(f"  {_POSTGRES[how]} ({seconds:.1f} s)")

    def reading(self, source: Source, position: int) -> None:
        total = source.provider.total
        if total is None:
            self.say(f"  reading {source.title}")
        elif position >= total:
            self.say(f"  {source.title} has been played to its end; --fresh plays it again")
        elif position:
            self.say(f"  reading {source.title}, going on after {position} of {total} snapshots")
        else:
            self.say(f"  reading {source.title}, {total} snapshots")

    def serving(self, listening: socket.socket) -> None:
        host, port = listening.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        self.say(f"  open http://{shown}:{port}/v1/opportunities   (Ctrl-C stops everything)")

    def progress(self, progress: poll.Progress) -> None:
        """Called after each answer that was stored."""
        now = time.monotonic()
        if not self._answers:
            self._begun = self._last_line = now
            if progress.total is None:
                self.say(f"  first answer: {progress.ingested.events} events, {progress.ingested.prices:,} prices")
        self._answers += 1
        self._prices += progress.ingested.prices
        if progress.total is None:
            return
        state = f"{progress.position}/{progress.total}, {self._prices:,} prices, {progress.as_of:%Y-%m-%d %H:%M} UTC"
        if self._rich.is_terminal:
            if self._task is None:
                self._task = self._bar.add_task("playing", total=progress.total, state=state)
                self._bar.start()
            self._bar.update(self._task, completed=progress.position, state=state)
        elif now - self._last_line >= _LINE_EVERY:
            self._last_line = now
            self.say(f"  playing: {state}")

    def ended(self, totals: Totals, failure: Exception | None) -> None:
        """Called when a source is at its end, or failed for good, and everything told of it is handled."""
        self._bar.stop()
        if failure is not None:
            self.say(f"  the source failed, and what it told before is still served: {failure}")
        if self._answers:
            seconds = max(time.monotonic() - self._begun, 1e-9)
            self.say(
                f"  played {self._answers:,} snapshots, {self._prices:,} prices in {seconds:.1f} s: "
                f"{self._prices / seconds:,.0f} prices/s"
            )
        self.say(f"  opportunities: {totals.opened:,} opened, {totals.closed:,} closed, {totals.open:,} open now")
