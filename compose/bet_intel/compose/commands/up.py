"""`bet-intel up`: the whole system in one process."""

import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import uvloop
from cyclopts import Parameter, validators

from bet_intel.api.server import PortError, listen
from bet_intel.compose.commands.errors import UsageError
from bet_intel.compose.console import Console
from bet_intel.compose.data_folder import DataFolderError, default_data_dir
from bet_intel.compose.effective_settings import effective_settings
from bet_intel.compose.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError, open_data_folder
from bet_intel.compose.up import Wishes, data_folder_path, up
from bet_intel.odds_ingest.providers.port import InvalidSourceError, SourceUsageError
from bet_intel.odds_ingest.source import Source, open_source
from bet_intel.shared.migrate import MigrationError
from bet_intel.shared.postgres import DatabaseError
from bet_intel.shared.secret_errors import SecretBoxError
from bet_intel.shared.telemetry import configure_logging
from bet_intel.shared.times import system_clock

_FOR_THE_USER = (
    DataFolderError,
    DatabaseError,
    EmbeddedPostgresError,
    InvalidSourceError,
    MigrationError,
    PortError,
    SecretBoxError,
)


def up_command(
    *,
    source: str | None = None,
    speed: str | None = None,
    port: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))] = 8000,
    host: str = "127.0.0.1",
    data_dir: Path | None = None,
    fresh: Annotated[bool, Parameter(negative=())] = False,
    exit_at_end: Annotated[bool, Parameter(negative=())] = False,
    redrive: Annotated[bool, Parameter(negative=())] = False,
    seed: int | None = None,
    table: bool = True,
    log_level: Literal["debug", "info", "warning", "error"] = "info",
) -> None:
    """Run everything in one process on embedded engines, until Ctrl-C.

    Parameters
    ----------
    source:
        `the_odds_api` (the default where BET_INTEL_ODDS_API_KEY is set), `simulator` (the default elsewhere), or
        `replay:PATH` with a .json, .jsonl or .jsonl.gz recording of The Odds API v4.
    speed:
        How fast a recording is played: 1 as recorded (the default), 60 a minute a second, max without pause.
    port:
        Port of the HTTP gateway.
    host:
        Address of the HTTP gateway. It asks for no key: keep it on loopback.
    data_dir:
        Folder of this source's data (default: one per source under /var/lib/bet-intel for root,
        $XDG_DATA_HOME/bet-intel for others).
    fresh:
        Remove the source's data first.
    exit_at_end:
        Stop when a recording has been played to its end.
    redrive:
        Try the dead letters again: messages and tasks that were set aside because handling them kept failing.
    seed:
        Seed of the simulator (default 1).
    table:
        Show the best opportunities while it runs, on a terminal.
    log_level:
        The least grave level that is logged.
    """
    configure_logging(log_level, json=not sys.stderr.isatty())
    # All of them before anything starts. Only what is wrong, never the value: it may be a secret.
    wrong = effective_settings().wrong
    for one in wrong:
        print(f"bet-intel: {one.variable or one.service}: {one.problem}", file=sys.stderr)
    if wrong:
        sys.exit(1)
    try:
        opened = open_source(source, speed, seed, system_clock, time.monotonic)
        path = data_folder_path(data_dir, default_data_dir(), opened)
        _up(opened, path, host, port, Wishes(exit_at_end, redrive, table), fresh=fresh)
    except SourceUsageError as error:
        raise UsageError(str(error)) from error
    except _FOR_THE_USER as error:
        print(f"bet-intel: {error}", file=sys.stderr)
        sys.exit(1)


def _up(source: Source, path: Path, host: str, port: int, wishes: Wishes, *, fresh: bool) -> None:
    # The port first: what cannot be served need not be started.
    with listen(host, port) as listening, Console(table=wishes.table) as console:
        console.say(f"bet-intel on {source.title}, data in {path}")
        with open_data_folder(path, source.identity, fresh=fresh) as folder:
            uvloop.run(up(EmbeddedPostgres(folder), source, listening, console, wishes))
        console.say("stopped")
