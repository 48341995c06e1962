"""The true probabilities of a simulated match, which move smoothly with time."""

from typing import NamedTuple

from bet_intel.odds_ingest.providers.simulator.fixtures import Fixture, Sport
from bet_intel.odds_ingest.providers.simulator.noise import smooth, uniform

_TEMPO = 2  # index in a fixture's stream; those of its noise, counted from the epoch, are far above
_SLOW, _FAST = 1500.0, 210.0  # seconds between the lattice points of the two layers of noise


class Truth(NamedTuple):
    """A match at one moment: the advantage of the home side and the expected total, both in the sport's own units.

    Soccer: log-odds of home against away, and goals. Basketball: points. Baseball: runs. Tennis: log-odds, without a
    total.
    """

    advantage: float
    total: float


class _Scale(NamedTuple):
    """How a sport's advantage and total vary between matches (half range) and in time (amplitudes)."""

    advantage: float
    total_mean: float
    total: float
    advantage_drift: float
    total_drift: float


_SCALES = {
    Sport.SOCCER: _Scale(0.9, 2.7, 0.5, 0.16, 0.12),
    Sport.BASKETBALL: _Scale(8.0, 214.0, 14.0, 1.3, 2.5),
    Sport.BASEBALL: _Scale(1.6, 8.6, 1.2, 0.35, 0.45),
    Sport.TENNIS: _Scale(1.4, 0.0, 0.0, 0.2, 0.0),
}
_IN_PLAY_SWING = 4.0  # how many times as far prices move in play
_SWING_IN = 120.0  # seconds after the start until they do


def truth(fixture: Fixture, at: float) -> Truth:
    """The state of a match at `at` (seconds since the epoch)."""
    scale = _SCALES[fixture.league.sport]
    swing = 1.0
    if at > fixture.start:
        swing += (_IN_PLAY_SWING - 1.0) * min(1.0, (at - fixture.start) / _SWING_IN)
    advantage = scale.advantage * (2.0 * fixture.strength - 1.0)
    advantage += scale.advantage_drift * swing * _drift(fixture.key, at)
    if not scale.total_mean:
        return Truth(advantage, 0.0)
    total = scale.total_mean + scale.total * (2.0 * uniform(fixture.key, _TEMPO) - 1.0)
    return Truth(advantage, total + scale.total_drift * swing * _drift(fixture.key ^ 1, at))


def _drift(key: int, at: float) -> float:
    return smooth(key, at / _SLOW) + 0.3 * smooth(key ^ 2, at / _FAST)
