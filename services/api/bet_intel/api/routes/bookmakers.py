"""`/v1/bookmakers`."""

from datetime import datetime

from bet_intel.api import read_model
from bet_intel.api.answers import BookmakerList, BookmakerState
from bet_intel.api.domain.accounts import READING
from bet_intel.api.operation import Operation, Question, Reads
from bet_intel.api.paging import ShortListQuery, page_of
from bet_intel.api.read_model import Record
from bet_intel.shared.postgres import Reader
from bet_intel.shared.times import from_us


class BookmakerQuery(ShortListQuery, frozen=True):
    """A structure of its own: a cursor is known by it."""


def operations(reads: Reads) -> tuple[Operation, ...]:
    return (
        Operation(
            "/v1/bookmakers",
            "listBookmakers",
            "events",
            "Bookmakers with what they price now",
            reads.cached(BookmakerQuery, _list),
            "Every bookmaker that was ever told of, by key; those that price nothing now with zeros.",
            BookmakerQuery,
            answer=BookmakerList,
            conditional=True,
            need=READING,
        ),
    )


async def _list(connection: Reader, _question: Question, asked: BookmakerQuery) -> BookmakerList:
    rows = await read_model.bookmakers(connection)
    position = await read_model.position(connection)
    page, more = page_of(rows, lambda row: str(row["key"]), asked, asked.limit, asked.cursor)
    return BookmakerList([_bookmaker(row, position.as_of) for row in page], more, position.as_of)


def _bookmaker(row: Record, as_of: datetime | None) -> BookmakerState:
    newest = None if row["newest_us"] is None else from_us(row["newest_us"])
    return BookmakerState(
        row["key"],
        row["title"],
        events=row["events"],
        markets=row["markets"],
        newest_update=newest,
        age_seconds=None if newest is None or as_of is None else (as_of - newest).total_seconds(),
        median_age_seconds=row["median_age"],
    )
