"""`bet-intel fake-odds-api`: recorded payloads served over HTTP as The Odds API serves them."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

from bet_intel.api.server import PortError, listen
from bet_intel.compose.commands.errors import CommandError, UsageError
from bet_intel.compose.fake_odds_api.serve import serve
from bet_intel.odds_ingest.providers.port import InvalidSourceError, SourceUsageError
from bet_intel.shared.telemetry import configure_logging


def fake_odds_api_command(
    *recordings: Path,
    port: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))] = 8100,
    host: str = "127.0.0.1",
    speed: str = "1",
    quota: int = 20_000,
    rate: int = 30,
    fail: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    log_level: Literal["debug", "info", "warning", "error"] = "warning",
) -> None:
    """Serve recorded payloads over HTTP as The Odds API does, until Ctrl-C.

    Parameters
    ----------
    recordings:
        One or more .json, .jsonl or .jsonl.gz recordings of The Odds API v4.
    port:
        Port to serve on.
    host:
        Address to serve on.
    speed:
        1 as recorded, 60 a minute a second, max one response with each call for odds.
    quota:
        Credits of each key.
    rate:
        Calls a second that each key may make; 0 for any number.
    fail:
        A fault that the next calls meet: KIND, KIND:TIMES or KIND:always; docs/providers/fake_odds_api.md lists them.
        May be given several times.
    log_level:
        The least grave level that is logged.
    """
    configure_logging(log_level, json=not sys.stderr.isatty())
    try:
        with listen(host, port) as listening:
            serve(listening, recordings, speed, quota, rate, fail)
    except SourceUsageError as error:
        raise UsageError(str(error)) from error
    except (InvalidSourceError, PortError) as error:
        raise CommandError(str(error)) from error
