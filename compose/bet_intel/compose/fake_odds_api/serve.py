"""`bet-intel fake-odds-api`: the local The Odds API as a process."""

import math
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from bet_intel.compose.fake_odds_api.account import Accounts
from bet_intel.compose.fake_odds_api.app import FakeOddsApi
from bet_intel.compose.fake_odds_api.faults import Faults
from bet_intel.compose.fake_odds_api.tape import Playhead, Tape, utc_text
from bet_intel.odds_ingest.providers.port import SourceUsageError

_STOP_SECONDS = 1


def serve(
    listening: socket.socket, recordings: Sequence[Path], speed: str, quota: int, rate: int, fail: Sequence[str]
) -> None:
    """Serve the recordings on a socket until Ctrl-C or SIGTERM.

    Raises:
        SourceUsageError: an option is not understood.
        InvalidSourceError: a recording cannot be read.
    """
    if quota < 0 or rate < 0:
        raise SourceUsageError("--quota and --rate are whole numbers from 0")
    faults = Faults()
    try:
        for text in fail:
            faults.add(text)
    except ValueError as error:
        raise SourceUsageError(f"--fail: {error}") from error
    tape = Tape([path.expanduser() for path in recordings])
    playhead = Playhead(tape, _speed(speed), time.monotonic)
    fake = FakeOddsApi(tape, playhead, Accounts(quota, rate, time.monotonic), faults)
    host, port = listening.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    print(
        f"The Odds API on {url}: {tape.length} responses of {', '.join(sorted(tape.leagues))}, "
        f"{utc_text(tape.begin)} to {utc_text(tape.end)}\n"
        f"  BET_INTEL_ODDS_API_URL={url} BET_INTEL_ODDS_API_KEY=local "
        f"BET_INTEL_ODDS_API_LEAGUES={','.join(sorted(tape.leagues))} bet-intel up",
        flush=True,
    )
    config = uvicorn.Config(
        fake.asgi,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        # The time of an answer is that of the recording.
        date_header=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[listening])


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not (math.isfinite(speed) and speed > 0):
        raise SourceUsageError(
            f"--speed is {text!r}: give a number above 0 (1 = as recorded, 60 = a minute a second), or max for one "
            "response with each call"
        )
    return speed
