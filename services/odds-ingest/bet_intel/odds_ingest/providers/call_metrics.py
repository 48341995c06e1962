"""What is counted of a provider's calls. Labels are the words of this module and the names of providers alone: never a
key, an address or a text that somebody sent."""

import math
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import ClassVar, Protocol, runtime_checkable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from bet_intel.odds_ingest.providers.port import ProviderError, Quota
from bet_intel.shared.times import Monotonic

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_NO_ERROR = "none"


@runtime_checkable
class Measured(Protocol):
    """A provider whose calls are counted."""

    @property
    def call_metrics(self) -> "CallMetrics": ...


class Made:
    """One call under way; `at` (monotonic) is None until it is made: what holds calls back may refuse it."""

    def __init__(self) -> None:
        self.at: float | None = None


class CallMetrics:
    """Counts one provider's calls. Shown by a registry from `register` to `unregister`."""

    def __init__(self, provider: str, monotonic: Monotonic) -> None:
        self._provider = provider
        self._monotonic = monotonic
        self._answered_at: float | None = None
        self._calls = Counter(
            "bet_intel_provider_calls",
            "Calls of a provider by kind of call and outcome: answered, failed, held (not made: the breaker is open, "
            "the key dead, the credits spent or the rate exceeded) or cancelled; error_kind as in provider.status.",
            ["provider", "call", "outcome", "error_kind"],
            registry=None,
        )
        self._seconds = Histogram(
            "bet_intel_provider_call_seconds",
            "How long calls took that were made, whatever became of them.",
            ["provider", "call"],
            buckets=_SECONDS,
            registry=None,
        )
        self._bytes = Counter(
            "bet_intel_provider_answer_bytes",
            "Size of the answers, unpacked.",
            ["provider", "call"],
            registry=None,
        )
        self._spent = Counter(
            "bet_intel_provider_credits_spent",
            "Credits that answers said to have cost.",
            ["provider"],
            registry=None,
        )
        self._left = Gauge(
            "bet_intel_provider_credits_left",
            "Credits that the newest answer said to be left; absent before.",
            ["provider"],
            registry=None,
        )
        self._breaker = Gauge(
            "bet_intel_provider_breaker_state",
            "1 for the state the breaker is in: closed, open, half_open, or held (key, credits or rate).",
            ["provider", "state"],
            registry=None,
        )
        self._age = Gauge(
            "bet_intel_provider_last_answer_age_seconds",
            "Time since the provider last answered a call; NaN before.",
            ["provider"],
            registry=None,
        )
        self._age.labels(provider).set_function(self._seconds_since_answer)
        self._spent.labels(provider)

    def register(self, registry: CollectorRegistry) -> None:
        for metric in self._all():
            registry.register(metric)

    def unregister(self, registry: CollectorRegistry) -> None:
        for metric in self._all():
            registry.unregister(metric)

    def watch(self, breaker: "Watched") -> None:
        """Show the state that `breaker` is in at each look."""
        for state in breaker.STATES:
            self._breaker.labels(self._provider, state).set_function(partial(_is_in, breaker, state))

    @contextmanager
    def call(self, kind: str) -> Generator[Made]:
        """Count the call inside; it counts as made from `began` on."""
        made = Made()
        outcome, error_kind = "cancelled", _NO_ERROR
        try:
            yield made
        except ProviderError as error:
            outcome, error_kind = "held" if made.at is None else "failed", error.kind
            raise
        else:
            outcome = "answered"
            self._answered_at = self._monotonic()
        finally:
            self._calls.labels(self._provider, kind, outcome, error_kind).inc()
            if made.at is not None:
                self._seconds.labels(self._provider, kind).observe(self._monotonic() - made.at)

    def began(self, made: Made) -> None:
        made.at = self._monotonic()

    def took(self, kind: str, size: int, quota: Quota | None) -> None:
        """An answer of `size` bytes arrived, successful or not, and told `quota`."""
        self._bytes.labels(self._provider, kind).inc(size)
        if quota is not None and quota.last is not None:
            self._spent.labels(self._provider).inc(max(0, quota.last))
        if quota is not None and quota.remaining is not None:
            self._left.labels(self._provider).set(quota.remaining)

    def _seconds_since_answer(self) -> float:
        return math.nan if self._answered_at is None else self._monotonic() - self._answered_at

    def _all(self) -> tuple[MetricWrapperBase, ...]:
        return self._calls, self._seconds, self._bytes, self._spent, self._left, self._breaker, self._age


def _is_in(breaker: "Watched", state: str) -> float:
    return float(breaker.state == state)


class Watched(Protocol):
    """What holds calls back, and says so."""

    STATES: ClassVar[tuple[str, ...]]

    @property
    def state(self) -> str: ...
