"""Settings of the api service, from the environment (`BET_INTEL_API_…`)."""

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from bet_intel.api.auth import Access
from bet_intel.shared.postgres.settings import DatabaseSettings
from bet_intel.shared.retention import check_retention
from bet_intel.shared.secret_box import Keys

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?")


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _origins(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if value != "*" and not _ORIGIN.fullmatch(value):
            raise ValueError(f"{value!r} is no origin: give scheme, host and port, as https://example.com, or *")
    if "*" in values and len(values) > 1:
        raise ValueError("* stands for every origin: give it alone")
    return values


class ApiSettings(DatabaseSettings):
    """`dsn` is the read model's database. Times are in seconds."""

    model_config = SettingsConfigDict(env_prefix="BET_INTEL_API_", frozen=True)
    needs_primary = False
    plans_anew = True

    feed_poll_seconds: float = Field(default=0.25, gt=0)
    """How often the position of the feed is looked up when nothing wakes the tail before."""
    feed_kept: int = Field(default=10_000, ge=1)
    """How many entries of the feed each gateway keeps for its followers."""
    stream_heartbeat_seconds: float = Field(default=10.0, gt=0)
    stream_followers: int = Field(default=1000, ge=1)
    """How many streams a gateway serves at once."""
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_origins)] = ()
    """Origins, separated by commas, whose pages may use the API from a browser; `*` = any; none unless given."""
    exports: int = Field(default=2, ge=1)
    """How many exports a gateway writes at once; each holds a connection of its pool."""
    export_rows: int = Field(default=1_000_000, ge=1)
    """How many rows one export may have."""
    export_seconds: float = Field(default=300.0, gt=0)
    """How long one may take; then it is cut off."""
    cache_seconds: float = Field(default=30.0, gt=0)
    """How long an answer may be kept; a newer read model replaces it sooner. Where odds move once a minute, a shorter
    time has what did not change made anew again and again."""
    ready_answers: int = Field(default=256, ge=0)
    """How many answers each gateway keeps ready as bytes; 0 = none, and the cache is asked for every answer."""
    ready_stale_seconds: float = Field(default=0.25, ge=0)
    """For how long one of them is given out after the read model has changed, while it is made anew."""
    resync_seconds: float = Field(default=10.0, gt=0, le=3600)
    """How often it is looked whether the read model is there, or has to be asked for."""
    access: Access = "keys"
    """Who needs no key: nobody (`keys`, without one a caller is anonymous), requests from this machine (`local`), or
    everybody (`open`). docs/operations/access.md."""
    operator_token: SecretStr | None = None
    """What an operator's requests carry: it lets in as an administrator, so that there can be a first account."""
    requests_at_once: int = Field(default=200, ge=1)
    """How many requests a gateway answers at once; what is more is refused (429). Streams are counted apart."""
    request_seconds: float = Field(default=15.0, gt=0)
    """How long a request may take, its body included; streams and exports are bounded in other ways."""
    secrets_key: Keys | None = None
    """Encrypts the secrets of webhooks; the notifier has the same."""
    subscriptions: int = Field(default=100, ge=0)
    """How many subscriptions an account may have."""
    deliveries_retention: int = Field(default=30, ge=1)
    """Days for which the log of deliveries is kept."""
    refresh_burst: int = Field(default=3, ge=1)
    """How many refreshes a caller may ask for at once."""
    refresh_seconds: float = Field(default=20.0, gt=0)
    """After how long it may ask for another."""
    history_retention: int = Field(default=30, ge=1)
    """Days for which the line history is kept."""
    opportunities_retention: int = Field(default=90, ge=1)
    """Days for which opportunities that have closed are kept."""
    events_retention: int = Field(default=14, ge=1)
    """Days for which events are kept that have closed."""
    closings_retention: int = Field(default=90, ge=1)
    """Days for which closing lines are kept: bets that are entered later find none."""
    feed_retention: int = Field(default=2, ge=1)
    """Days for which a follower may be away and still go on where it was."""
    audit_retention: int = Field(default=365, ge=2)
    """Days for which it is known what administrators did."""
    usage_retention: int = Field(default=90, ge=30)
    """Days for which it is known how much accounts asked for."""
    dead_letters_retention: int = Field(default=14, ge=1)
    """Days for which messages are kept that could not be handled or published."""

    @model_validator(mode="after")
    def _letters_go_first(self) -> Self:
        check_retention(events=self.events_retention, dead_letters=self.dead_letters_retention)
        return self
