"""What `/metrics` tells of a provider's calls: each outcome and error kind, and no label a stranger could choose."""

import math
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from bet_intel.odds_ingest.providers.port import ProviderError
from bet_intel.odds_ingest.providers.the_odds_api.provider import OddsApiProvider
from fixtures.fake_odds_api import BASKETBALL, MATCH, SOCCER, TWO_RESPONSES, Stand, fake_odds_api, write

KEY = "s3cr3t-of-the-operator"
CALL = 'bet_intel_provider_calls_total{call="odds",error_kind="%s",outcome="%s",provider="the_odds_api"}'
ONE = '%s{provider="the_odds_api"}'


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with fake_odds_api([write(tmp_path / "served.jsonl.gz", *TWO_RESPONSES)]) as stand:
        yield stand


def reader(provider: OddsApiProvider) -> Callable[[str], float | None]:
    """The value of a sample as a registry shows it."""
    registry = CollectorRegistry()
    provider.call_metrics.register(registry)

    def value(sample: str) -> float | None:
        found = re.search(rf"^{re.escape(sample)} (\S+)$", generate_latest(registry).decode(), re.MULTILINE)
        return float(found[1]) if found else None

    return value


async def fail(provider: OddsApiProvider) -> None:
    with pytest.raises(ProviderError):
        await provider.fetch(0)


async def test_answers_are_counted_with_their_size_credits_and_age(stand: Stand) -> None:
    provider = stand.provider(leagues=(SOCCER,), regions=("us",), markets=("h2h", "totals"), interval=0.0)
    value = reader(provider)
    assert math.isnan(value(ONE % "bet_intel_provider_last_answer_age_seconds") or 0), "before the first answer"
    assert value(ONE % "bet_intel_provider_credits_left") is None
    await provider.fetch(0)
    await provider.fetch(1)
    assert value(CALL % ("none", "answered")) == 2
    assert value(ONE % "bet_intel_provider_credits_spent_total") == 4
    assert value(ONE % "bet_intel_provider_credits_left") == 496
    assert value('bet_intel_provider_call_seconds_count{call="odds",provider="the_odds_api"}') == 2
    assert value('bet_intel_provider_call_seconds_count{call="sports",provider="the_odds_api"}') == 1
    assert (value('bet_intel_provider_answer_bytes_total{call="odds",provider="the_odds_api"}') or 0) > 500
    await provider.event(SOCCER, MATCH, ("h2h",))
    assert value('bet_intel_provider_call_seconds_count{call="event_odds",provider="the_odds_api"}') == 1
    stand.ticker.seconds += 90
    assert value(ONE % "bet_intel_provider_last_answer_age_seconds") == 90


@pytest.mark.parametrize(
    ("fault", "kind", "state"),
    [
        ("429", "rate", "held"),
        ("spent", "quota", "held"),
        ("invalid-key", "auth", "held"),
        ("422", "validation", "closed"),
        ("500", "transient", "open"),
        ("hang", "transient", "open"),
        ("half", "transient", "open"),
        ("huge", "transient", "open"),
    ],
)
async def test_failures_are_counted_by_kind_and_what_is_held_back_apart(
    stand: Stand, fault: str, kind: str, state: str
) -> None:
    provider = stand.provider(key=KEY, attempts=1, breaker_threshold=1, read_timeout=0.3, leagues=(SOCCER, BASKETBALL))
    value = reader(provider)
    await provider.fetch(0)
    stand.faults.add(fault)
    await fail(provider)
    assert value(CALL % (kind, "failed")) == 1
    states = {
        name: value(f'bet_intel_provider_breaker_state{{provider="the_odds_api",state="{name}"}}')
        for name in ("closed", "open", "half_open", "held")
    }
    assert states == {name: float(name == state) for name in states}
    if state != "closed":
        calls = await stand.calls()
        await fail(provider)
        assert value(CALL % (kind, "held")) == 1
        assert await stand.calls() == calls
    stand.ticker.seconds += 40
    if state == "open":
        assert value('bet_intel_provider_breaker_state{provider="the_odds_api",state="half_open"}') == 1


async def test_labels_are_few_whatever_the_service_says(stand: Stand) -> None:
    provider = stand.provider(key=KEY, attempts=1, breaker_threshold=1000, interval=0.0, read_timeout=0.3)
    registry = CollectorRegistry()
    provider.call_metrics.register(registry)
    for fault in ("echo-key", "redirect", "not-json", "500", "half", "cut-gzip"):
        stand.faults.add(fault)
        await fail(provider)
    shown = generate_latest(registry).decode()
    assert KEY not in shown
    assert set(re.findall(r'(\w+)="', shown)) == {"provider", "call", "outcome", "error_kind", "state", "le"}
    assert set(re.findall(r'call="(\w+)"', shown)) <= {"sports", "events", "odds", "event_odds"}
    assert stand.url not in shown
