"""What `bet-intel up` says to the person who started it."""

import socket
import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console as RichConsole
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from bet_intel.api.answers import OpportunityList
from bet_intel.compose.embedded_postgres import Start
from bet_intel.compose.table import table_of
from bet_intel.ev_engine.app import Totals
from bet_intel.odds_ingest import poll
from bet_intel.odds_ingest.source import Source

_POSTGRES = {
    Start.CREATED: "PostgreSQL created and started",
    Start.STARTED: "PostgreSQL started on the data of an earlier run",
    Start.RECOVERED: "PostgreSQL started and recovered from a crash",
    Start.ADOPTED: "PostgreSQL was left running by an earlier run: taken over",
    Start.RESTARTED: "PostgreSQL was left running by an earlier run and did not answer: started anew",
}
_LINE_EVERY = 5.0
_REFRESH = 4.0  # a second


class Console:
    """Plain sentences on standard output.

    On a terminal a progress bar and, where wanted, a table of the best opportunities stay below them; elsewhere a line
    every few seconds tells the progress, and there is no table.
    """

    def __init__(self, *, table: bool) -> None:
        self._rich = RichConsole(highlight=False)
        self._bar = Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            console=self._rich,
        )
        self.shows_table = table and sys.stdout.isatty() and not self._rich.is_dumb_terminal
        self._is_still = False
        self._best: OpportunityList | None = None
        self._task: TaskID | None = None
        self._begun = 0.0
        self._last_line = 0.0
        self._prices = 0
        self._answers = 0
        # One display for both, because two would draw over each other. Logs come above it if they go to the terminal.
        self._live = Live(
            console=self._rich,
            get_renderable=self._display,
            refresh_per_second=_REFRESH,
            redirect_stderr=sys.stderr.isatty(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.still()

    def still(self) -> None:
        """Leave what is displayed as it is, for good: from now on sentences come below it."""
        self._is_still = True
        self._live.stop()

    def stopping(self, signal: str) -> None:
        """Called at once when a signal arrives; what has been started is stopped in its order then."""
        self.still()
        self.say(f"  {signal}: stopping")

    def say(self, sentence: str) -> None:
        self._rich.print(sentence, markup=False, soft_wrap=True)

    def best(self, opportunities: OpportunityList) -> None:
        """Show these in the table."""
        self._best = opportunities
        self._draw()

    def _draw(self) -> None:
        if not self._is_still:
            self._live.start()

    def _display(self) -> RenderableType:
        shown: list[RenderableType] = []
        if self._best is not None:
            shown.append(table_of(self._best, self._rich.width, self._rich.height))
        if self._task is not None:
            shown.append(self._bar)
        return Group(*shown)

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
                self._draw()
            self._bar.update(self._task, completed=progress.position, state=state)
        elif now - self._last_line >= _LINE_EVERY:
            self._last_line = now
            self.say(f"  playing: {state}")

    def ended(self, totals: Totals, failure: Exception | None) -> None:
        """Called when a source is at its end, or failed for good, and everything told of it is handled."""
        if self._task is not None:
            self._bar.stop_task(self._task)
        if not self.shows_table:
            self.still()
        if failure is not None:
            self.say(f"  the source failed, and what it told before is still served: {failure}")
        if self._answers:
            seconds = max(time.monotonic() - self._begun, 1e-9)
            self.say(
                f"  played {self._answers:,} snapshots, {self._prices:,} prices in {seconds:.1f} s: "
                f"{self._prices / seconds:,.0f} prices/s"
            )
        self.say(f"  opportunities: {totals.opened:,} opened, {totals.closed:,} closed, {totals.open:,} open now")
