"""Which regions and bookmakers to ask for, so that it costs the least credits. Pure.

Source: The Odds API v4 guide, usage credits: a call costs markets × regions, and each 10 bookmakers that are asked for
by key, or part of 10, count as one region. A call takes either regions or bookmakers.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import combinations

BOOKMAKERS_PER_REGION = 10


@dataclass(frozen=True, slots=True)
class Selection:
    """Whose prices one call asks for: all bookmakers of `regions`, or `bookmakers` by key, never both."""

    regions: tuple[str, ...] = ()
    bookmakers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.regions) == bool(self.bookmakers):
            raise ValueError("a call asks for regions or for bookmakers: give one of them")

    @property
    def regions_charged(self) -> int:
        """What the call costs for each market."""
        return len(self.regions) or -(-len(self.bookmakers) // BOOKMAKERS_PER_REGION)


def plan(
    wanted: Collection[str], whole_regions: Collection[str], regions: Mapping[str, frozenset[str]]
) -> tuple[Selection, ...]:
    """The calls, at most two, that show all bookmakers `wanted` and all those of `whole_regions`.

    `regions` tells the bookmakers known in each region; a wanted one in none of them is asked for by key. Among plans
    of the same cost the one with fewer calls is taken, then the one with fewer regions: what nobody wants need not
    travel. The order of the arguments makes no difference.

    Raises:
        ValueError: nothing is asked for.
    """
    if not wanted and not whole_regions:
        raise ValueError("name the bookmakers or the regions to ask for")
    given = frozenset(whole_regions)
    useful = sorted(region for region in regions.keys() - given if not regions[region].isdisjoint(wanted))
    plans = [
        _selections(given.union(more), wanted, regions)
        for count in range(len(useful) + 1)
        for more in combinations(useful, count)
    ]
    return min(plans, key=_preference)


def _selections(
    chosen: frozenset[str], wanted: Collection[str], regions: Mapping[str, frozenset[str]]
) -> tuple[Selection, ...]:
    covered = {bookmaker for region in chosen for bookmaker in regions.get(region, ())}
    rest = sorted(set(wanted) - covered)
    by_region = (Selection(regions=tuple(sorted(chosen))),) if chosen else ()
    by_key = (Selection(bookmakers=tuple(rest)),) if rest else ()
    return by_region + by_key


def _preference(selections: tuple[Selection, ...]) -> tuple[int, int, int, tuple[tuple[str, ...], ...]]:
    return (
        sum(selection.regions_charged for selection in selections),
        len(selections),
        sum(len(selection.regions) for selection in selections),
        tuple(selection.regions for selection in selections),
    )
