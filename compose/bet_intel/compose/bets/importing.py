"""Bets of a file into the gateway, one after another, however long its quota makes that take."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from time import sleep
from typing import Any

from bet_intel.compose.bets.slips import Slip
from bet_intel.compose.commands.errors import CommandError
from bet_intel.compose.gateway_client import LaterError

UNANSWERED = "unanswered"
"""What becomes of a bet that the gateway was not given, or did not answer for."""

_PATIENCE = 300.0
"""How many seconds one bet is waited for. Quotas are by the minute; the rest is for others who use the same key."""
_RESTS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0)
"""The least wait after each refusal in turn, in seconds: a gateway in trouble says 1 each time."""


def imported(
    slips: Iterable[Slip], keep: Callable[[Mapping[str, Any]], dict[str, Any]], say: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """What became of each bet, as soon as it is known. Where the gateway asks for patience, `say` is told.

    Raises:
        CommandError: the gateway does not answer, or has asked for too much patience; the bets before are kept.
    """
    for slip in slips:
        yield {"where": slip.where, **_kept(slip, keep, say)}


def _kept(
    slip: Slip, keep: Callable[[Mapping[str, Any]], dict[str, Any]], say: Callable[[str], None]
) -> dict[str, Any]:
    waited, refusals = 0.0, 0
    while True:
        try:
            return keep(slip.body)
        except LaterError as error:
            seconds = max(error.seconds, _RESTS[min(refusals, len(_RESTS) - 1)])
            if waited + seconds > _PATIENCE:
                raise CommandError(f"{slip.where}: given up after {waited:.0f} s of waiting: {error}") from error
            say(f"{slip.where}: waiting {seconds:.0f} s: {error}")
            sleep(seconds)
            waited, refusals = waited + seconds, refusals + 1
