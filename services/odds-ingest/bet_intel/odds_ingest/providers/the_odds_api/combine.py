"""From the replies to the calls of one plan to one answer, and what that answer speaks for. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from bet_intel.odds_ingest.domain.quotes import Answer
from bet_intel.odds_ingest.providers.port import TransientProviderError
from bet_intel.odds_ingest.providers.the_odds_api.client import Reply
from bet_intel.odds_ingest.providers.the_odds_api.market_names import market_name
from bet_intel.odds_ingest.providers.the_odds_api.odds_format import OddsFormat
from bet_intel.odds_ingest.providers.the_odds_api.parse import ParsedResponse, parse_response
from bet_intel.odds_ingest.providers.the_odds_api.payload import MalformedResponseError
from bet_intel.odds_ingest.providers.the_odds_api.plan import Selection


def league_answer(
    provider: str,
    league: str,
    markets: Sequence[str],
    odds_format: OddsFormat,
    selections: Sequence[Selection],
    replies: Sequence[Reply],
) -> Answer:
    """The answer for a whole league: it speaks for all its events, and for the `markets` asked for.

    One of which nothing could be read speaks for none. It is as old as the oldest reply.

    Raises:
        TransientProviderError: a reply is not what the service sends (half a body, another's page).
    """
    parsed = _parse(provider, [reply.body for reply in replies], selections, odds_format, league)
    is_unreadable = bool(parsed.rejections) and not parsed.events
    return Answer(
        provider=provider,
        leagues=frozenset() if is_unreadable else frozenset({league}),
        as_of=min(reply.as_of for reply in replies),
        events=parsed.events,
        rejections=parsed.rejections,
        markets=_scope(markets),
    )


def event_answer(
    provider: str,
    event_id: str,
    markets: Sequence[str],
    odds_format: OddsFormat,
    selections: Sequence[Selection],
    replies: Sequence[Reply],
) -> Answer:
    """The answer for one event: it speaks for the `markets` asked for, and for nothing else.

    Raises:
        TransientProviderError: as above.
    """
    bodies = [b"[" + reply.body + b"]" for reply in replies]
    parsed = _parse(provider, bodies, selections, odds_format, event_id)
    return Answer(
        provider=provider,
        leagues=frozenset(),
        as_of=min(reply.as_of for reply in replies),
        events=parsed.events,
        rejections=parsed.rejections,
        markets=_scope(markets),
    )


def _scope(markets: Sequence[str]) -> frozenset[tuple[str, str]]:
    names = [market_name(key) for key in markets]
    return frozenset((name.market, name.period) for name in names)


def _parse(
    provider: str, bodies: Sequence[bytes], selections: Sequence[Selection], odds_format: OddsFormat, what: str
) -> ParsedResponse:
    try:
        if len(bodies) == 1:
            return parse_response(bodies[0], provider=provider, odds_format=odds_format)
        by_key = frozenset(key for selection in selections for key in selection.bookmakers)
        events: list[Any] = []
        for selection, body in zip(selections, bodies, strict=True):
            decoded = _array(body)
            events += [_without(event, by_key) for event in decoded] if selection.regions else decoded
        return parse_response(events, provider=provider, odds_format=odds_format)
    except MalformedResponseError as error:
        raise TransientProviderError(f"{what}: {error}") from error


def _array(body: bytes) -> list[Any]:
    try:
        return msgspec.json.decode(body, type=list[Any])
    except (ValueError, RecursionError) as error:
        raise MalformedResponseError(f"the response is not a JSON array: {error}") from error


def _without(event: Any, bookmakers: frozenset[str]) -> Any:
    """An event without bookmakers that the other call shows: twice the same price would be taken for a conflict."""
    if not isinstance(event, dict) or not isinstance(event.get("bookmakers"), list):
        return event
    kept = [one for one in event["bookmakers"] if not (isinstance(one, dict) and one.get("key") in bookmakers)]
    return {**event, "bookmakers": kept}
