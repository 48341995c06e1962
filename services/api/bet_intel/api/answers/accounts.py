"""What the gateway answers of accounts, keys and tiers, and what it takes. The structures are the contract."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from bet_intel.api.answers import NextCursor
from bet_intel.api.domain.accounts import Category, Feature, Scope, Tier

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
TierName = Literal["free", "basic", "premium", "admin"]
LAST_SECOND = 253_402_300_799
"""Of the year 9999, the last that is written as ISO-8601."""
DEFAULT_SCOPES: tuple[Scope, ...] = ("read", "bets", "subscriptions", "refresh")


class Account(msgspec.Struct, frozen=True):
    id: str
    name: str
    tier: str
    created_at: datetime
    updated_at: datetime


class AccountList(msgspec.Struct, frozen=True):
    data: list[Account]
    next_cursor: NextCursor


class AccountBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account. Its name is for administrators, and no other account's."""

    name: Name
    tier: TierName = "free"


class KeyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key of an account."""

    name: Annotated[str, Meta(max_length=200, description="For its owner.")] = ""
    scopes: Annotated[
        tuple[Scope, ...],
        Meta(min_length=1, max_length=5, description="What it may be used for; what the tier lacks it does not give."),
    ] = DEFAULT_SCOPES
    expires_at: Annotated[
        Annotated[datetime, Meta(tz=True)] | Annotated[int, Meta(ge=0, le=LAST_SECOND)] | None,
        Meta(description="When it ends, as ISO-8601 with a zone or in unix seconds; never where there is none."),
    ] = None

    @property
    def ends(self) -> datetime | None:
        at = self.expires_at
        return datetime.fromtimestamp(at, UTC) if isinstance(at, int) else at


class RotationBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    overlap_seconds: Annotated[
        float, Meta(ge=0, le=2_592_000, description="For how long the key that is replaced still works.")
    ] = 86_400.0


class Key(msgspec.Struct, frozen=True):
    """A key, without its secret."""

    id: str
    name: str
    hint: Annotated[str, Meta(description="The four characters before its last six, by which its owner knows it.")]
    scopes: tuple[str, ...]
    state: Annotated[str, Meta(description="active, expired or revoked.")]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: Annotated[datetime | None, Meta(description="As the gateways tell it, every few seconds.")]


class CreatedKey(Key, frozen=True, kw_only=True):
    """A key as its maker sees it, once."""

    key: Annotated[str, Meta(description="The key itself. It is shown in this answer alone, and stored nowhere.")]


class KeyList(msgspec.Struct, frozen=True):
    data: list[Key]
    next_cursor: NextCursor = None


class TierList(msgspec.Struct, frozen=True):
    data: list[Tier]
    next_cursor: NextCursor = None


class TierBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tier, without its name."""

    requests_per_minute: Annotated[int, Meta(ge=1, le=1_000_000)] | None
    categories: tuple[Category, ...]
    delay_seconds: Annotated[float, Meta(ge=0, le=86_400)]
    features: tuple[Feature, ...]
    streams: Annotated[int, Meta(ge=0, le=10_000)]
    subscriptions: Annotated[int, Meta(ge=0, le=10_000)]


class AuditEntry(msgspec.Struct, frozen=True):
    """Something an administrator did."""

    seq: Annotated[int, Meta(description="Without gaps, in the order in which it took effect.")]
    at: datetime
    actor: Annotated[str, Meta(description="Id of the account; operator: the token of the settings; local: no key.")]
    actor_key: Annotated[str | None, Meta(description="Id of the key it was done with.")]
    request_id: str
    act: str
    subject: Annotated[str, Meta(description="Id of the account, or name of the tier or profile, it was done to.")]
    detail: dict[str, Any]


class AuditLog(msgspec.Struct, frozen=True):
    data: list[AuditEntry]
    next_cursor: NextCursor


class DayUsage(msgspec.Struct, frozen=True):
    """What an account asked for on a day (UTC)."""

    day: date
    requests: int
    refused: Annotated[int, Meta(description="For which there was no quota left.")]


class Me(msgspec.Struct, frozen=True):
    """Who asks, what it may do, and what it has asked for."""

    account: Annotated[str | None, Meta(description="Id of the account; null without a key.")]
    name: str | None
    key: Annotated[str | None, Meta(description="Id of the key that was sent.")]
    key_expires_at: datetime | None
    scopes: list[str]
    tier: Tier
    usage: Annotated[
        list[DayUsage], Meta(description="Of the last 30 days, the newest first; a few seconds behind at most.")
    ]
