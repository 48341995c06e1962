"""`pricing.settings.changed` → the engine's settings. Pure."""

from typing import Any, NamedTuple

from google.protobuf.message import DecodeError
from pydantic import ValidationError

from bet_intel.ev_engine.domain.profile import STARTING
from bet_intel.ev_engine.settings import ProfileSettings
from bet_intel.events.v1.pricing_settings_changed_pb2 import (
    CategoryBounds,
    PricingOverride,
    PricingSettingsChanged,
)
from bet_intel.shared.messaging import Message, TerminalError

_PLAIN = (
    "method",
    "behind_newest_seconds",
    "min_references",
    "dispersion",
    "lowest_probability",
    "highest_probability",
    "take_ev",
    "reopen_seconds",
    "low_hold",
    "middle_cost",
    "stake",
    "stake_step",
    "kelly_fraction",
    "stake_cap",
    "limit_weight",
    "estimate_divergence",
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
        given: dict[str, Any] = {field.name: value for field, value in body.ListFields() if field.name in _PLAIN}
        given["bookmakers"] = {
            one.key: {"weight": one.weight, "commission": one.commission, "sharp": one.sharp, "exchange": one.exchange}
            for one in body.bookmakers
        }
        given["bounds"] = {one.category: _bounds(one) for one in body.bounds}
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
    return NewSettings(body.profile, body.revision, settings)


def _bounds(one: CategoryBounds) -> dict[str, float]:
    return {field.name: value for field, value in one.ListFields() if field.name != "category"}


def _override(one: PricingOverride) -> dict[str, Any]:
    plain = {field.name: value for field, value in one.ListFields() if field.name not in ("weights", "bounds")}
    return plain | {"weights": dict(one.weights), "bounds": {each.category: _bounds(each) for each in one.bounds}}
