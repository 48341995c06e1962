"""Every event of the stream, as it is told, against the structure that the contract has for it."""

from datetime import timedelta
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from bet_intel.api.following import EventKind
from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on
from fixtures.api_messages import AS_OF, Market, Offer, odds_changed, opportunities_updated
from fixtures.closing_messages import closing_line_fixed
from fixtures.combination_messages import ARBITRAGE, FAIR, LOW_HOLD, LOWER, UPPER, Engine
from fixtures.engine_boards import H2H, board, line
from fixtures.postgres import MakeDatabase
from fixtures.sse import Event, streaming

pytestmark = pytest.mark.integration

STRUCTURES = {
    "snapshot": "OpportunitySnapshot",
    "opportunity.opened": "Followed",
    "opportunity.updated": "Followed",
    "odds.changed": "OddsMoved",
    "closing.fixed": "ClosingFixed",
    "heartbeat": "StreamHeartbeat",
}
KINDS = get_args(EventKind)
BETTER = board({**FAIR, "low": {"Away": 2.06, "Home": 1.8}, "high": {"Away": 1.8, "Home": 2.09}})
SMALLER = board({**FAIR, "low": {"Away": 1.98, "Home": 1.8}, "high": {"Away": 1.8, "Home": 1.985}})
WIDER = board({**{name: {"Over": 2.207, "Under": 1.734} for name in "abcdef"}, "high": {"Over": 1.9, "Under": 1.93}})


def structure(kind: str) -> str:
    """The name of what the contract says of an event of that kind."""
    if kind in STRUCTURES:
        return STRUCTURES[kind]
    return "OpportunityGone" if kind.endswith(".closed") else "CombinationMoved"


async def told(gateway: Gateway) -> None:
    """Have something told of every kind."""
    engine = Engine()
    totals = (line("totals", 8.5), line("totals", 9.5))
    spread = line("spreads", 1.5)
    later = AS_OF + timedelta(minutes=1)
    await gateway.tell(
        odds_changed(Market(), revision=2),
        opportunities_updated(Offer(), revision=2),
        opportunities_updated(Offer(ev=0.07), revision=3),
        opportunities_updated(revision=4, closed={"opportunity-1": "no_ev"}),
        closing_line_fixed(as_of=later),
        engine.tells({H2H: ARBITRAGE, spread: LOW_HOLD, totals[0]: LOWER, totals[1]: UPPER}),
        engine.tells({H2H: BETTER, spread: SMALLER, totals[0]: LOWER, totals[1]: WIDER}),
        engine.tells({}),
    )


async def everything(gateway: Gateway, date_format: str) -> list[Event]:
    """Until an event of every kind has come."""
    events: list[Event] = []
    async with streaming(gateway.client, type=",".join(KINDS), min_ev=-1, date_format=date_format) as stream:
        events.append(await stream.event())
        await told(gateway)
        while {one.name for one in events} < {*KINDS, "snapshot", "heartbeat"}:
            events.append(await stream.event())
    return events


@pytest.mark.parametrize("date_format", ["iso", "unix"])
async def test_every_event_is_as_the_contract_says(make_database: MakeDatabase, date_format: str) -> None:
    async with gateway_on(await make_database(MIGRATIONS), stream_heartbeat_seconds=0.2) as gateway:
        await gateway.tell(opportunities_updated(Offer("first", bookmaker="beta"), revision=1))
        events = await everything(gateway, date_format)
        document: dict[str, Any] = await gateway.get("/openapi.json")
    faults = []
    for one in events:
        schema = {"$ref": f"#/components/schemas/{structure(one.name)}", "components": document["components"]}
        checked = Draft202012Validator(schema, format_checker=FormatChecker())
        faults += [(one.name, error.json_path, error.message[:200]) for error in checked.iter_errors(one.data)]
        # What the document has no name for is not told.
        known = document["components"]["schemas"][structure(one.name)]["properties"]
        faults += [(one.name, name, "is not in the contract") for name in one.data.keys() - known.keys()]
    assert not faults
    assert all(one.id is not None for one in events)
