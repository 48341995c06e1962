"""`make bench ARGS=peers`: each claim of docs/devig-peers.md tried anew. Exit code 1 where one does not hold."""

import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version

import numpy as np
import penaltyblog.implied
import shin
from goto_conversion import goto_conversion

from bench.markets import FloatArray, implied
from bet_intel.odds import DevigStatus, Method, devig

Prices = Sequence[float]
Peer = Callable[[Prices], Sequence[float]]

# Far above the tolerance of their root finders, far below what another formula would make.
_AGREE = 1e-7
_BOOKS = 50
LONG_SHOTS = (1 / 0.87, 5.0, 10.0, 20.0, 50.0, 100.0)
UNDERROUND = (4.0, 3.5, 3.2)


def _penaltyblog(method: str) -> Peer:
    return lambda prices: penaltyblog.implied.calculate_implied(list(prices), method=method).probabilities


_PEERS: Sequence[tuple[str, Method, Peer]] = (
    ("shin", Method.SHIN, lambda prices: shin.calculate_implied_probabilities(list(prices))),
    ("penaltyblog", Method.MULTIPLICATIVE, _penaltyblog("multiplicative")),
    ("penaltyblog", Method.ADDITIVE, _penaltyblog("additive")),
    ("penaltyblog", Method.POWER, _penaltyblog("power")),
    ("penaltyblog", Method.SHIN, _penaltyblog("shin")),
    ("penaltyblog", Method.ODDS_RATIO, _penaltyblog("odds_ratio")),
    ("penaltyblog", Method.LOGARITHMIC, _penaltyblog("logarithmic")),
    ("penaltyblog differential margin weighting as", Method.ADDITIVE, _penaltyblog("differential_margin_weighting")),
    ("goto-conversion", Method.GOTO, lambda prices: goto_conversion(list(prices))),
)


def _ours(prices: Prices, method: Method) -> tuple[FloatArray, DevigStatus]:
    found = devig(1.0 / np.array(prices)[:, np.newaxis], method)
    return found.probability[:, 0], DevigStatus(int(found.status[0]))


def _agreements() -> Iterable[tuple[str, bool]]:
    for name, method, peer in _PEERS:
        apart = 0.0
        for outcomes in (2, 3, 8):
            for prices in (1.0 / implied(outcomes, _BOOKS)).T.tolist():
                ours, status = _ours(prices, method)
                if status is DevigStatus.OK:
                    apart = max(apart, float(np.abs(ours - np.array(peer(prices))).max()))
        yield f"{name} {method.value} agrees with ours on overround books: at most {apart:.1e} apart", apart <= _AGREE


def _refused(peer: Peer, prices: Prices) -> bool:
    try:
        peer(prices)
    except ValueError:
        return True
    return False


def _differences() -> Iterable[tuple[str, bool]]:
    total = sum(shin.calculate_implied_probabilities(list(UNDERROUND)))
    yield f"shin gives an underround book probabilities that sum to {total:.4f}", abs(total - 1.0) > 0.1
    for method in (
        "multiplicative",
        "additive",
        "power",
        "odds_ratio",
        "logarithmic",
        "differential_margin_weighting",
    ):
        theirs = _penaltyblog(method)(UNDERROUND)
        raised = all(a > 1.0 / d for a, d in zip(theirs, UNDERROUND, strict=True))
        yield f"penaltyblog {method} raises every probability of an underround book without a word", raised
    yield "penaltyblog shin raises ValueError on it", _refused(_penaltyblog("shin"), UNDERROUND)
    for method in Method:
        status = _ours(UNDERROUND, method)[1]
        yield f"ours says {status.name} on it by {method.value}", status is DevigStatus.NO_OVERROUND
    lowest = min(_penaltyblog("additive")(LONG_SHOTS))
    yield f"penaltyblog additive gives a long shot the probability {lowest:.4f} without a word", lowest < 0.0
    goto = _PEERS[-1][2]
    yield "goto-conversion raises ValueError where its formula would go negative", _refused(goto, LONG_SHOTS)
    for method in (Method.ADDITIVE, Method.GOTO):
        p, status = _ours(LONG_SHOTS, method)
        yield f"ours keeps {p.min():.4f} by {method.value} and says {status.name}", status is DevigStatus.NEGATIVE


def main() -> int:
    names = ("shin", "penaltyblog", "goto-conversion")
    print(", ".join(f"{name} {version(name)}" for name in names))
    wrong = 0
    for claim, holds in (*_agreements(), *_differences()):
        print(f"{'holds' if holds else 'DOES NOT HOLD':>13}  {claim}")
        wrong += not holds
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
