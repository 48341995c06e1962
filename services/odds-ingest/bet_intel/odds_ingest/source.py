"""What `--source` names: the provider to read, and what its data is called."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from bet_intel.odds_ingest.providers.port import OddsProvider, SourceUsageError
from bet_intel.odds_ingest.providers.replay.client import ReplayProvider
from bet_intel.odds_ingest.providers.simulator.client import SimulatorProvider
from bet_intel.odds_ingest.providers.the_odds_api.pollable import PollableOddsApi
from bet_intel.odds_ingest.providers.the_odds_api.provider import OddsApiProvider
from bet_intel.odds_ingest.providers.the_odds_api.settings import REAL_URL, OddsApiSettings
from bet_intel.shared.times import Clock, Monotonic

_THE_ODDS_API = "the_odds_api"
_SIMULATOR = "simulator"
_REPLAY = "replay:"
_MAX_SPEED = "max"
_AS_RECORDED = "1"
_DEFAULT_SEED = 1


@dataclass(frozen=True, slots=True)
class Source:
    """A provider, the identity its position and data folder are kept for, and its name for a person."""

    provider: OddsProvider
    identity: str
    folder: str
    title: str


def open_source(text: str | None, speed: str | None, seed: int | None, clock: Clock, monotonic: Monotonic) -> Source:
    """The source that `--source` and `--speed` ask for. Reads a recording from end to end: not for the event loop.

    Where nothing is asked for it is The Odds API if there is a key for it, else the simulator.

    Raises:
        SourceUsageError: there is no such source, it needs a key, or does not go with the speed or seed.
        InvalidSourceError: it cannot be read.
    """
    if text is None:
        has_key = bool(OddsApiSettings().key.get_secret_value())
        text = _THE_ODDS_API if has_key and speed is None and seed is None else _SIMULATOR
    if text == _THE_ODDS_API:
        if speed is not None or seed is not None:
            raise SourceUsageError("--speed and --seed are not for The Odds API: it goes with the clock")
        return _the_odds_api(OddsApiSettings(), clock, monotonic)
    if text == _SIMULATOR:
        if speed is not None:
            raise SourceUsageError("--speed is for recordings: the simulator goes with the clock")
        seed = _DEFAULT_SEED if seed is None else seed
        return Source(SimulatorProvider(seed, clock), f"simulator:{seed}", "simulator", f"the simulator (seed {seed})")
    if text.startswith(_REPLAY):
        if seed is not None:
            raise SourceUsageError("--seed is for the simulator: a recording is what it is")
        path = text.removeprefix(_REPLAY)
        provider = ReplayProvider(Path(path).expanduser(), _speed(speed or _AS_RECORDED), clock())
        # What the recording holds, not what the file is called: it may be renamed and moved.
        digest = provider.source_id.rpartition(":")[2]
        return Source(provider, f"recording:{digest}", f"replay-{digest[:12]}", f"the recording {path}")
    raise SourceUsageError(f"unknown source {text!r}: use --source the_odds_api, simulator or replay:PATH")


def _the_odds_api(settings: OddsApiSettings, clock: Clock, monotonic: Monotonic) -> Source:
    if settings.url == REAL_URL:
        # Polled when the planner says, within the budget of credits.
        pollable = PollableOddsApi(settings, clock, monotonic)
        return Source(pollable, _THE_ODDS_API, "the-odds-api", "The Odds API")
    provider = OddsApiProvider(settings, clock, monotonic)
    # Another service's events are not to be mixed with the real ones.
    digest = hashlib.sha256(settings.url.encode()).hexdigest()[:12]
    return Source(
        provider, f"{_THE_ODDS_API}:{settings.url}", f"the-odds-api-{digest}", f"The Odds API at {settings.url}"
    )


def _speed(text: str) -> float | None:
    if text == _MAX_SPEED:
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise SourceUsageError(
            f"--speed is {text!r}: give a number above 0 (1 = as recorded, 60 = a minute a second) or max"
        )
    return speed
