"""`/v1/sports`."""

from bet_intel.api import read_model
from bet_intel.api.answers import LeagueCounts, SportCounts, SportList
from bet_intel.api.domain.accounts import READING
from bet_intel.api.operation import Operation, Question, Reads
from bet_intel.api.paging import ShortListQuery, page_of
from bet_intel.shared.postgres import Reader

_PROFILE = "consensus"


class SportQuery(ShortListQuery, frozen=True):
    """A structure of its own: a cursor is known by it."""


def operations(reads: Reads) -> tuple[Operation, ...]:
    return (
        Operation(
            "/v1/sports",
            "listSports",
            "events",
            "Sports and leagues with what is open",
            reads.cached(SportQuery, _list),
            "Every sport and league that has open events or open opportunities.",
            SportQuery,
            answer=SportList,
            conditional=True,
            need=READING,
        ),
    )


async def _list(connection: Reader, question: Question, asked: SportQuery) -> SportList:
    events = await read_model.event_counts(connection)
    opportunities = await read_model.opportunity_counts(connection, _PROFILE, question.caller.view)
    position = await read_model.position(connection)
    titles = {(row["sport"], row["league"]): row["league_title"] for row in events}
    open_events = {(row["sport"], row["league"]): row["events"] for row in events}
    classes: dict[tuple[str, str], dict[str, int]] = {}
    for row in opportunities:
        classes.setdefault((row["sport"], row["league"]), {})[row["class"]] = row["opportunities"]
    leagues: dict[str, list[LeagueCounts]] = {}
    for key in sorted(open_events.keys() | classes.keys()):
        sport, league = key
        counts = LeagueCounts(league, titles.get(key, league), open_events.get(key, 0), classes.get(key, {}))
        leagues.setdefault(sport, []).append(counts)
    page, more = page_of(list(leagues), str, asked, asked.limit, asked.cursor)
    return SportList([_sport(sport, leagues[sport]) for sport in page], more, position.as_of)


def _sport(sport: str, leagues: list[LeagueCounts]) -> SportCounts:
    classes: dict[str, int] = {}
    for league in leagues:
        for class_, count in league.open_opportunities.items():
            classes[class_] = classes.get(class_, 0) + count
    return SportCounts(sport, sum(league.open_events for league in leagues), classes, leagues)
