"""How the system is doing, what was asked of it, and how it judges prices."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from bet_intel.api.answers.common import AsOf, Bookmaker
from bet_intel.api.domain.pricing import PricingSettings


class Credits(msgspec.Struct, frozen=True):
    """Credits of a provider in this UTC day and month, as of the last poll; null = no bound, or never told."""

    spent_day: int
    spent_month: int
    left_day: Annotated[int | None, Meta(description="Of the budget, reserved credits taken off.")] = None
    left_month: Annotated[int | None, Meta(description="Of the budget, reserved credits taken off.")] = None
    provider_remaining: Annotated[int | None, Meta(description="What the provider last said is left.")] = None
    provider_used: Annotated[int | None, Meta(description="What the provider last said was used.")] = None


class BookmakerAge(msgspec.Struct, frozen=True):
    """How old a bookmaker's prices were in the newest answer that held them, and usually are."""

    bookmaker: Bookmaker
    age_seconds: Annotated[float, Meta(description="Median over its markets of source time minus last update.")]
    norm_seconds: Annotated[float, Meta(description="Running median of its ages.")]


class ProviderState(msgspec.Struct, frozen=True):
    """How a source of odds is doing."""

    provider: str
    state: str
    reported_at: datetime
    age_seconds: Annotated[float, Meta(description="Wall clock now minus reported_at.")]
    as_of: Annotated[datetime | None, Meta(description="Source time of its newest answer.")]
    position: Annotated[int, Meta(description="Answers read of a recording.")]
    total: Annotated[int | None, Meta(description="Answers the recording holds; null where it has no end.")]
    events: int
    prices: int
    rejections: Annotated[int, Meta(description="Pieces of the newest answer that could not be read.")]
    error_kind: Annotated[str | None, Meta(description="auth, quota, rate, validation or transient.")]
    message: str | None
    last_poll: Annotated[datetime | None, Meta(description="When it was last asked, whether it answered or not.")]
    next_poll: Annotated[datetime | None, Meta(description="When it is to be asked next, as planned at the last poll.")]
    credits: Annotated[Credits | None, Meta(description="Null where asking costs nothing.")]
    bookmakers: Annotated[list[BookmakerAge], Meta(description="How old each bookmaker's prices are.")]


class PricingDocument(msgspec.Struct, frozen=True):
    """A pricing profile, as it is now."""

    profile: str
    revision: Annotated[int, Meta(description="0 before it was ever set; only grows.")]
    updated_at: datetime | None
    settings: PricingSettings


class Refresh(msgspec.Struct, frozen=True):
    """A refresh that was asked for, and what came of it."""

    id: str
    state: Annotated[str, Meta(description="pending, done (newer odds were told) or failed.")]
    sports: Annotated[Sequence[str], Meta(description="Asked for; everything where leagues is empty too.")]
    leagues: Sequence[str]
    requested_at: datetime
    completed_at: datetime | None = None
    provider: str | None = None
    as_of: Annotated[datetime | None, Meta(description="Source time of the provider's newest answer.")] = None
    credits: Annotated[int | None, Meta(description="Credits of the provider that it cost at most.")] = None
    error_kind: Annotated[str | None, Meta(description="auth, quota, rate, validation or transient.")] = None
    message: str | None = None


class ServiceState(msgspec.Struct, frozen=True):
    """A service's newest sign of life."""

    service: str
    version: str
    reported_at: datetime
    age_seconds: Annotated[float, Meta(description="Wall clock now minus reported_at.")]
    outbox_depth: Annotated[int, Meta(description="Messages committed and not yet confirmed.")]
    outbox_age_seconds: float
    dead_letters: Annotated[int, Meta(description="Messages and tasks set aside because handling them kept failing.")]


class FeedState(msgspec.Struct, frozen=True):
    epoch: int
    seq: int


class ReadModelState(msgspec.Struct, frozen=True):
    """What the gateway holds."""

    open_events: int
    open_markets: int
    open_opportunities: Annotated[dict[str, int], Meta(description="By class, over all profiles.")]
    closed_opportunities: Annotated[int | None, Meta(description="Still kept. null where your tier does not see all.")]
    feed: FeedState


class Status(msgspec.Struct, frozen=True):
    providers: list[ProviderState]
    services: list[ServiceState]
    read_model: ReadModelState
    as_of: AsOf


class Probe(msgspec.Struct, frozen=True):
    status: str


class Index(msgspec.Struct, frozen=True):
    name: str
    docs: str
    openapi: str
    opportunities: str
    stream: str
    status: str
