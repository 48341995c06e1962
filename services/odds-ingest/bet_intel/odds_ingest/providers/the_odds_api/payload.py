"""The shape of a The Odds API v4 response, and a decoding in which one broken piece never hides the good ones.

Source of the shape: The Odds API v4 guide, `GET /v4/sports/{sport}/odds`. Members that nobody here reads (links, source
ids, multipliers) are skipped, whatever they hold.
"""

import contextlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec

from bet_intel.odds_ingest.domain.quotes import Rejection

_Shape = TypeVar("_Shape", bound=msgspec.Struct)
LARGEST_RESPONSE = 32 * 1024 * 1024
"""Bytes of one response, unpacked, that are taken. Known ones are below 2 MB; a few of gzip can claim any number."""
_REJECTION_CHARACTERS = 300
_TEXT_BYTES = 300

AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]


class MalformedResponseError(ValueError):
    """A response of which nothing can be read: it is not JSON, or not an array."""


class OutcomePayload(msgspec.Struct, gc=False):
    """One price. `price` is in the odds format of the response."""

    name: str
    price: float
    point: float | None = None
    description: str | None = None
    bet_limit: float | None = None


class MarketHeader(msgspec.Struct):
    """A bookmaker's market without its outcomes. Old responses and some endpoints have no `last_update` here."""

    key: str
    last_update: AwareTime | None = None


class MarketPayload(MarketHeader):
    """A bookmaker's market."""

    outcomes: list[OutcomePayload] = []


class PartialMarketPayload(MarketPayload):
    """A bookmaker's market of which an outcome could not be read."""


class BookmakerHeader(msgspec.Struct):
    """A bookmaker without its markets."""

    key: str
    title: str | None = None
    last_update: AwareTime | None = None


class BookmakerPayload(BookmakerHeader):
    """A bookmaker's markets of one event."""

    markets: list[MarketPayload] = []


class EventHeader(msgspec.Struct):
    """An event without its prices. The teams of an outright competition are null, absent or empty."""

    id: str
    sport_key: str
    commence_time: AwareTime
    sport_title: str | None = None
    home_team: str | None = None
    away_team: str | None = None


class EventPayload(EventHeader):
    """An event with every bookmaker's prices."""

    bookmakers: list[BookmakerPayload] = []


class Decoded(NamedTuple):
    """The readable events with their index in the response, what was refused, and every storable sport key."""

    events: list[tuple[int, EventPayload]]
    rejections: list[Rejection]
    sport_keys: frozenset[str]


def check_text(text: str) -> None:
    """Refuse what cannot be stored as an id, key or name: PostgreSQL takes no NUL, UTF-8 no surrogates, and a database
    index no long texts.

    Raises:
        ValueError: saying which.
    """
    if not text:
        raise ValueError("an id, key or name is empty")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"the text {text!r} holds characters that cannot be stored")
    if len(text.encode()) > _TEXT_BYTES:
        raise ValueError(f"the text {text[:40]!r}… is longer than {_TEXT_BYTES} bytes")


def rejection(where: str, reason: str) -> Rejection:
    """A rejection that can be stored and shown, whatever the text that it quotes from the response holds."""
    return Rejection(_showable(where), _showable(reason))


def decode_response(payload: bytes | Sequence[Any]) -> Decoded:
    """Decode a response given as JSON text or as already decoded objects.

    Raises:
        MalformedResponseError: the payload is not JSON, or not an array.
    """
    try:
        if isinstance(payload, bytes):
            events = msgspec.json.decode(payload, type=list[EventPayload])
        else:
            events = msgspec.convert(payload, type=list[EventPayload])
    except (ValueError, RecursionError):
        return _decode_piecewise(_as_objects(payload))
    return Decoded(list(enumerate(events)), [], _storable(event.sport_key for event in events))


def _storable(keys: Iterable[str]) -> frozenset[str]:
    stored = set()
    for key in set(keys):
        with contextlib.suppress(ValueError):
            check_text(key)
            stored.add(key)
    return frozenset(stored)


def _as_objects(payload: bytes | Sequence[Any]) -> list[Any]:
    objects: object = payload
    if isinstance(payload, bytes):
        try:
            # Unlike msgspec, the standard library reads NaN and Infinity, which careless writers of JSON leave behind:
            # the one price is refused later, and the rest of the response is kept.
            objects = json.loads(payload)
        except (ValueError, RecursionError) as error:
            raise MalformedResponseError(f"the response is not JSON: {error}") from error
    if not isinstance(objects, list):
        raise MalformedResponseError(f"the response must be an array of events, but is {_kind(objects)}")
    return objects


def _decode_piecewise(objects: list[Any]) -> Decoded:
    events: list[tuple[int, EventPayload]] = []
    rejections: list[Rejection] = []
    sport_keys: set[str] = set()
    for index, item in enumerate(objects):
        if isinstance(item, dict) and isinstance(item.get("sport_key"), str):
            sport_keys.add(item["sport_key"])
        event = _event(item, f"events[{index}]", rejections)
        if event is not None:
            events.append((index, event))
    return Decoded(events, rejections, _storable(sport_keys))


def _event(item: object, where: str, rejections: list[Rejection]) -> EventPayload | None:
    header = _convert(item, EventHeader, where, rejections)
    if header is None:
        return None
    bookmakers = [
        bookmaker
        for label, child in _children(item, "bookmakers", where, rejections)
        if (bookmaker := _bookmaker(child, label, rejections)) is not None
    ]
    return EventPayload(**msgspec.structs.asdict(header), bookmakers=bookmakers)


def _bookmaker(item: object, where: str, rejections: list[Rejection]) -> BookmakerPayload | None:
    header = _convert(item, BookmakerHeader, where, rejections)
    if header is None and isinstance(item, dict):
        # Its markets may carry times of their own, so that an unreadable one here is not the end of them.
        header = _convert({**item, "last_update": None}, BookmakerHeader, where, [])
    if header is None:
        return None
    markets = [
        market
        for label, child in _children(item, "markets", where, rejections)
        if (market := _market(child, label, rejections)) is not None
    ]
    return BookmakerPayload(**msgspec.structs.asdict(header), markets=markets)


def _market(item: object, where: str, rejections: list[Rejection]) -> MarketPayload | None:
    header = _convert(item, MarketHeader, where, rejections)
    if header is None:
        return None
    children = _children(item, "outcomes", where, rejections, name="name")
    outcomes = [
        outcome
        for label, child in children
        if (outcome := _convert(child, OutcomePayload, label, rejections)) is not None
    ]
    shape = MarketPayload if len(outcomes) == len(children) else PartialMarketPayload
    return shape(**msgspec.structs.asdict(header), outcomes=outcomes)


def _children(
    item: object, member: str, where: str, rejections: list[Rejection], name: str = "key"
) -> list[tuple[str, object]]:
    """The parts of `item[member]`, each with the path by which a reader finds it in the response."""
    parts = item.get(member, []) if isinstance(item, dict) else []
    if not isinstance(parts, list):
        rejections.append(rejection(where, f"`{member}` must be an array, but is {_kind(parts)}"))
        return []
    return [(f"{where}.{member}[{_label(part, name, index)}]", part) for index, part in enumerate(parts)]


def _label(part: object, name: str, index: int) -> str:
    label = part.get(name) if isinstance(part, dict) else None
    return label if isinstance(label, str) and label else str(index)


def _convert(item: object, shape: type[_Shape], where: str, rejections: list[Rejection]) -> _Shape | None:
    try:
        return msgspec.convert(item, type=shape)
    except (ValueError, RecursionError) as error:
        rejections.append(rejection(where, str(error)))
        return None


def _showable(text: str) -> str:
    if len(text) > _REJECTION_CHARACTERS:
        text = f"{text[:_REJECTION_CHARACTERS]}…"
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\0")


def _kind(value: object) -> str:
    return {dict: "an object", str: "a text", bool: "a truth value", type(None): "null", list: "an array"}.get(
        type(value), "a number"
    )
