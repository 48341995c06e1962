"""Subscriptions: which opportunities somebody wants to be told of, and where."""

import ipaddress
from datetime import datetime
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

Key = Annotated[str, Meta(min_length=1, max_length=200)]
Keys = Annotated[tuple[Key, ...], Meta(max_length=50)]
Class = Literal["take", "marginal", "suspect"]
Kind = Literal["ev", "arbitrage", "middle"]
_LOCAL_NAMES = ("localhost",)


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a subscription is about. An empty list means all."""

    name: Annotated[str, Meta(max_length=200, description="For its owner.")] = ""
    sports: Keys = ()
    leagues: Keys = ()
    markets: Keys = ()
    bookmakers: Keys = ()
    profile: Annotated[Key, Meta(description="Pricing profile.")] = "consensus"
    classes: Annotated[tuple[Class, ...], Meta(min_length=1, max_length=3)] = ("take",)
    min_ev: Annotated[float, Meta(ge=0, le=1, description="Least EV per unit staked: 0.045 is 4.5 %.")] = 0.045
    realert_step: Annotated[
        float,
        Meta(gt=0, le=1, description="Growth of the EV since the last alert of an opening that calls for another."),
    ] = 0.02
    kinds: Annotated[
        tuple[Kind, ...], Meta(min_length=1, max_length=3, description="Of opportunities: one price, or several legs.")
    ] = ("ev",)


class WebhookAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where messages are sent to."""

    url: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=2000,
            description="https, without user and password; http for a receiver on the gateway's own machine.",
        ),
    ]

    def fault(self) -> str | None:
        """What is wrong with the address, or None. Whether it may be connected to is for the sender to say."""
        if not self.url.isascii() or any(character <= " " or character == "\x7f" for character in self.url):
            return "it holds spaces, or characters that an address writes in another way"
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            return str(error)
        if parts.scheme not in ("https", "http") or not host or port == 0:
            return "it is not an address such as https://example.com/hook"
        if parts.username is not None or parts.password is not None or parts.fragment:
            return "it holds a user, a password or a fragment"
        if parts.scheme == "http" and not _is_this_machine(host):
            return "it is not https"
        return None


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() in _LOCAL_NAMES


class SubscriptionRow(NamedTuple):
    """A subscription at a revision; `secret` is encrypted."""

    id: str
    account: str
    revision: int
    status: str
    disabled_reason: str | None
    rule: Rule
    url: str
    secret: bytes
    created_at: datetime
    updated_at: datetime


class DeliveryReport(NamedTuple):
    """What has become of a message, as the notifier tells; the fields up to `ended_at` are the columns of the log."""

    id: str
    subscription_id: str
    revision: int
    kind: str
    opportunity_id: str | None
    event_id: str | None
    opening: int
    level: int
    state: str
    attempts: int
    reason: str | None
    response_status: int | None
    created_at: datetime
    next_attempt_at: datetime | None
    ended_at: datetime | None
    receiver_gone: bool
    subscription_revision: int
