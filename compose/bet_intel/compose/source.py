"""What `--source` names: the provider to read, and what its data is called."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bet_intel.odds_ingest.providers.port import InvalidSourceError, OddsProvider
from bet_intel.odds_ingest.providers.replay.client import ReplayProvider
from bet_intel.odds_ingest.providers.simulator.client import SimulatorProvider

_SIMULATOR = "simulator"
_REPLAY = "replay:"
_MAX_SPEED = "max"


@dataclass(frozen=True, slots=True)
class Source:
    """A provider, the identity its position and data folder are kept for, and its name for a person."""

    provider: OddsProvider
    identity: str
    folder: str
    title: str


def open_source(text: str, speed: str, seed: int, clock: Callable[[], datetime]) -> Source:
    """The source that `--source` and `--speed` ask for. Reads a recording from end to end: not for the event loop.

    Raises:
        InvalidSourceError: there is no such source, or it cannot be read.
    """
    if text == _SIMULATOR:
        return Source(SimulatorProvider(seed, clock), f"simulator:{seed}", "simulator", f"the simulator (seed {seed})")
    if text.startswith(_REPLAY):
        provider = ReplayProvider(Path(text.removeprefix(_REPLAY)).expanduser(), _speed(speed))
        digest = provider.source_id.rpartition(":")[2][:12]
        return Source(provider, provider.source_id, f"replay-{digest}", f"the recording {text.removeprefix(_REPLAY)}")
    raise InvalidSourceError(f"unknown source {text!r}: use --source simulator or --source replay:PATH")


def _speed(text: str) -> float | None:
    if text == _MAX_SPEED:
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise InvalidSourceError(
            f"--speed is {text!r}: give a number above 0 (1 = as recorded, 60 = a minute a second) or max"
        )
    return speed
