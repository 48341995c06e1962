"""Who asks, what they may do and what they see. Pure."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Scope = Literal["read", "bets", "subscriptions", "refresh", "admin"]
"""What a key may be used for: odds and opportunities, bets, subscriptions, asking for newer odds, administration."""
SCOPES: tuple[Scope, ...] = ("read", "bets", "subscriptions", "refresh", "admin")
Category = Literal["main", "alternate", "prop", "outright"]
Feature = Literal["exports", "history", "metrics", "refresh", "administration"]

ANONYMOUS = "anonymous"
ADMINISTRATION: Feature = "administration"
LOCAL = "local"
"""The account of whoever needs no key."""
OPERATOR = "operator"
"""Who carries the token of the settings."""


class View(msgspec.Struct, frozen=True):
    """Which part of the odds is seen: some categories of market (all where there are none), and only what was first
    seen at least `delay` seconds ago. Tiers with equal views are answered the same."""

    categories: tuple[Category, ...] = ()
    delay: float = 0.0

    def has(self, category: str | None) -> bool:
        """Whether markets of the category are seen; of one that nobody has named only who sees all."""
        return not self.categories or category in self.categories

    def is_due(self, first_seen: datetime, as_of: datetime | None) -> bool:
        """Whether what was first seen then is seen at the source time `as_of`."""
        return not self.delay or (as_of is not None and first_seen <= as_of - timedelta(seconds=self.delay))

    def shows(self, categories: Collection[str | None], first_seen: datetime, as_of: datetime | None) -> bool:
        return all(map(self.has, categories)) and self.is_due(first_seen, as_of)

    @property
    def name(self) -> str:
        """Tells views apart, in the keys of caches."""
        return "" if self == EVERYTHING else f"{','.join(sorted(self.categories))}+{self.delay:g}"


EVERYTHING = View()


class Tier(msgspec.Struct, frozen=True):
    """What an account gets for being of it."""

    name: str
    requests_per_minute: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None, Meta(description="null = without limit.")
    ]
    categories: Annotated[
        tuple[Category, ...], Meta(description="Which categories of market it sees; empty = all of them.")
    ] = ()
    delay_seconds: Annotated[
        float, Meta(ge=0, le=86_400, description="It sees what was first seen at least so long ago, in source time.")
    ] = 0.0
    features: tuple[Feature, ...] = ()
    streams: Annotated[int, Meta(ge=0, le=10_000, description="How many streams at once, at each gateway.")] = 0
    subscriptions: Annotated[int, Meta(ge=0, le=10_000, description="How many subscriptions.")] = 0

    @property
    def view(self) -> View:
        return View(tuple(sorted(self.categories)), self.delay_seconds)

    def contradiction(self) -> str | None:
        """What cannot be as it is, or None."""
        if self.streams and self.delay_seconds:
            return "a tier with a delay has no streams: nothing would tell of what comes of age"
        if {"exports", "history"} & {*self.features} and self.view != EVERYTHING:
            return "exports and history are of all prices: a tier that has them sees every category, without delay"
        if ADMINISTRATION in self.features and self.name != "admin":
            return "only the tier admin has the feature administration"
        if self.name == "admin" and ADMINISTRATION not in self.features:
            return "the tier admin keeps the feature administration"
        return None


_ALL: tuple[Feature, ...] = ("exports", "history", "metrics", "refresh")
OPEN_TIER = Tier(LOCAL, None, features=_ALL, streams=10_000, subscriptions=10_000)
"""Of whoever needs no key, on a machine of their own."""
LOCAL_TIER = msgspec.structs.replace(OPEN_TIER, features=(*_ALL, ADMINISTRATION))
OPERATOR_TIER = msgspec.structs.replace(LOCAL_TIER, name=OPERATOR)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `account` is "" for who has none; `counted_as` is under what its requests are counted; `until` is when
    its key ends."""

    account: str
    tier: Tier
    scopes: frozenset[Scope]
    counted_as: str
    key: str | None = None
    until: datetime | None = None
    view: View = field(init=False)
    view_name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "view", self.tier.view)
        object.__setattr__(self, "view_name", self.view.name)

    @property
    def is_anonymous(self) -> bool:
        return not self.account

    @property
    def is_shown_by_nothing(self) -> bool:
        """Whether it is let in because of where it is, or as anybody: it has sent no key, nor the operator's token."""
        return self.account in ("", LOCAL)

    def may(self, feature: Feature) -> bool:
        return feature in self.tier.features


_EVERY_SCOPE = frozenset(SCOPES)
_READING: frozenset[Scope] = frozenset({"read"})


@lru_cache(maxsize=10_000)
def anonymous(tier: Tier, address: str) -> Caller:
    """Somebody without a key, at a network address."""
    return Caller("", tier, _READING, f"address {address}")


def open_caller() -> Caller:
    return Caller(LOCAL, OPEN_TIER, _EVERY_SCOPE - {"admin"}, LOCAL)


def local_administrator() -> Caller:
    return Caller(LOCAL, LOCAL_TIER, _EVERY_SCOPE, LOCAL)


def operator() -> Caller:
    return Caller(OPERATOR, OPERATOR_TIER, _EVERY_SCOPE, OPERATOR)


@dataclass(frozen=True, slots=True)
class Need:
    """What an operation asks of its caller: nothing at all (`is_open`: not even counted), a scope, an account of one's
    own, a feature of the tier, or a stream's place."""

    scope: Scope | None = "read"
    is_open: bool = False
    account: bool = False
    feature: Feature | None = None
    stream: bool = False

    @property
    def told(self) -> str:
        """What it asks, as a sentence."""
        if self.is_open:
            return ""
        parts = [f"the scope {self.scope}"] if self.scope else []
        parts += (
            [f"a tier that has {self.feature}"] if self.feature else ["a tier that has streams"] if self.stream else []
        )
        parts += ["an account"] if self.account else []
        return f"Needs {', '.join(parts)}." if parts else ""

    def lacking(self, caller: Caller) -> str | None:
        """What the caller lacks, as a sentence; None where it may."""
        if self.is_open:
            return None
        if self.account and caller.is_anonymous:
            return "This needs an account: send its key."
        if self.scope is not None and self.scope not in caller.scopes:
            return f"This key may not be used for it: it lacks the scope {self.scope}."
        if self.feature is not None and not caller.may(self.feature):
            return f"The tier {caller.tier.name} does not have it: {self.feature}."
        if self.stream and not caller.tier.streams:
            return f"The tier {caller.tier.name} does not have it: streams."
        return None


NOTHING = Need(scope=None, is_open=True)
"""Probes and documents: for everybody, and not counted."""
READING = Need()
METRICS = Need(scope=None, feature="metrics")
HISTORY = Need(feature="history")
EXPORTS = Need(feature="exports")
STREAM = Need(stream=True)
BETS = Need("bets", account=True)
SUBSCRIPTIONS = Need("subscriptions", account=True)
REFRESH = Need("refresh", account=True, feature="refresh")
ACCOUNT = Need(scope=None, account=True)
ADMIN = Need("admin", account=True, feature=ADMINISTRATION)
