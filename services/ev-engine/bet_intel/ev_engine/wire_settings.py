"""`pricing.settings.changed` → the engine's settings. Pure."""

from collections.abc import Iterable, Set
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError
from google.protobuf.message import Message as ProtobufMessage
from pydantic import ValidationError

from bet_intel.ev_engine.domain.profile import STARTING
from bet_intel.ev_engine.settings import ProfileSettings
from bet_intel.events.v1.pricing_settings_changed_pb2 import (
    CategoryBounds,
    PricingOverride,
    PricingSettingsChanged,
)
from bet_intel.shared.messaging import Message, TerminalError

# Of these the message says more than the settings, or otherwise.
_APART = frozenset(
    ("profile", "revision", "at_us", "bookmakers", "bookmaker_settings", "bounds", "slopes", "overrides")
)


class NewSettings(NamedTuple):
    profile: str
    revision: int
    settings: ProfileSettings


def new_settings(message: Message) -> NewSettings:
    """The document that a message carries.

    Raises:
        TerminalError: it cannot be read, or holds what cannot be priced with.
    """
    try:
        body = PricingSettingsChanged.FromString(message.data)
        given = _given(body, but=_APART)
        given["bookmakers"] = {
            one.key: {"weight": one.weight, "commission": one.commission, "sharp": one.sharp, "exchange": one.exchange}
            for one in body.bookmakers  # of gateways before bookmaker_settings
        } | {one.key: _given(one, but={"key"}) for one in body.bookmaker_settings}
        given["bounds"] = _bounds(body.bounds)
        given["slopes"] = {
            one.sport: {"by_market": dict(one.by_market), "half_points": one.half_points} for one in body.slopes
        }
        given["overrides"] = [_override(one) for one in body.overrides]
        settings = ProfileSettings.model_validate(given)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise TerminalError(f"{message.type} {message.id} of {message.subject} cannot be used: {wrong}") from error
    except DecodeError as error:
        raise TerminalError(f"{message.type} {message.id} of {message.subject} cannot be read: {error}") from error
    if body.profile not in STARTING or body.revision <= 0:
        raise TerminalError(f"{message.type} {message.id} names no profile of {', '.join(STARTING)}, or no revision")
    if (contradiction := settings.profile(STARTING[body.profile]).contradiction) is not None:
        raise TerminalError(f"{message.type} {message.id} of {message.subject} cannot be used: {contradiction}")
    return NewSettings(body.profile, body.revision, settings)


def _given(message: ProtobufMessage, but: Set[str]) -> dict[str, Any]:
    """The fields that are set, `but` for some: what is not given keeps its starting value."""
    return {field.name: value for field, value in message.ListFields() if field.name not in but}


def _bounds(bounds: Iterable[CategoryBounds]) -> dict[str, Any]:
    return {one.category: _given(one, but={"category"}) for one in bounds}


def _override(one: PricingOverride) -> dict[str, Any]:
    plain = _given(one, but={"weights", "stake_steps", "bounds"})
    by_bookmaker = {"weights": dict(one.weights), "stake_steps": dict(one.stake_steps)}
    return plain | by_bookmaker | {"bounds": _bounds(one.bounds)}
