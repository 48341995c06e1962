"""Opportunities of a list as JSON that is made when they are projected: a reader fills in what changes without them.

Those are the names, of which the event and the bookmaker tell, and the age of the price, which grows with every answer
of the provider. What is prepared is what `answers.Opportunity` is encoded to with decimal odds, but for these holes.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from bet_intel.api.answers import Opportunity
from bet_intel.api.domain.model import OpenOpportunity
from bet_intel.api.members import members
from bet_intel.api.read_model import Record

_MARK = b"\x1e"
"""Stands for what is filled in. JSON has no such byte: in a text it is escaped."""
_HOLES = ("league_title", "home", "away", "bookmaker_title", "price_age")
"""In the order in which they stand in an opportunity."""
_json = msgspec.json.Encoder()


def prepare(opportunity: OpenOpportunity) -> bytes:
    """The JSON of an opportunity, with its holes."""
    row = opportunity._asdict()
    row["class"] = row.pop("class_")
    row |= dict.fromkeys(_HOLES, msgspec.Raw(_MARK))
    return _json.encode(Opportunity(**members(row, "decimal")))


def fill(rows: Sequence[Record]) -> bytes:
    """The JSON of prepared opportunities, with commas between them; a row has the holes under their names."""
    if not rows:
        return b""
    # Lines, because one call encodes them all: a line break within a text is escaped.
    fillings = _json.encode_lines([row[hole] for row in rows for hole in _HOLES]).split(b"\n")
    fixed = b",".join([row["prepared"] for row in rows]).split(_MARK)
    parts = [b""] * (2 * len(fixed) - 1)
    parts[::2], parts[1::2] = fixed, fillings[: len(fixed) - 1]
    return b"".join(parts)


def list_of(rows: Sequence[Record], next_cursor: str | None, as_of: datetime | None) -> bytes:
    """The JSON of `answers.OpportunityList`."""
    after, when = _json.encode(next_cursor), _json.encode(as_of)
    return b'{"data":[%b],"next_cursor":%b,"as_of":%b}' % (fill(rows), after, when)
