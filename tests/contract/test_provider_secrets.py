"""The card of the secret: whatever happens, the key is in nothing that anybody could write down or read."""

import gc
import io
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import prometheus_client
import pytest

from bet_intel.compose.fake_odds_api.faults import Fault
from bet_intel.odds_ingest.providers.port import ProviderError
from bet_intel.odds_ingest.providers.the_odds_api.provider import OddsApiProvider
from fixtures.fake_odds_api import MATCH, SOCCER, TWO_RESPONSES, Stand, fake_odds_api, write
from fixtures.provider_cards import card

KEY = "s3cr3t/key+of=the-operator"
FAULTS = [fault.value for fault in Fault]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything any logger of this process says, down to the wire; but the service's, which knows the key anyway."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setLevel(1)
    handler.addFilter(lambda record: not record.name.startswith("uvicorn"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(1)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)


def everything_about(error: BaseException) -> str:
    """The error as a text, its chain with every variable of every frame, and the insides of each."""
    chain: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is not None and one not in chain:
            chain.append(one)
            todo += [one.__cause__, one.__context__]
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "\n".join([*told.format(), *(f"{one!r} {one} {one.args} {vars(one)}" for one in chain)])


async def failures(stand: Stand, provider: OddsApiProvider, fault: str) -> list[ProviderError]:
    errors = []
    stand.faults.add(f"{fault}:always")
    with pytest.raises(ProviderError) as raised:
        await provider.fetch(0)
    errors.append(raised.value)
    with pytest.raises(ProviderError) as raised:
        await provider.event(SOCCER, MATCH, ("h2h",))
    errors.append(raised.value)
    stand.faults.clear()
    return errors


@card(23)
@pytest.mark.parametrize("fault", FAULTS)
async def test_no_failure_shows_the_key(
    fault: str, tmp_path: Path, log: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    async with fake_odds_api([write(tmp_path / "served.jsonl.gz", *TWO_RESPONSES)]) as stand:
        provider = stand.provider(key=KEY, read_timeout=0.2, total_timeout=1.0, body_limit=2_000_000, attempts=2)
        answer = await provider.fetch(0)
        errors = await failures(stand, provider, fault)
        written = [
            log.getvalue(),
            "".join(capfd.readouterr()),
            prometheus_client.generate_latest().decode(),
            repr(answer),
            repr(vars(provider)),
            repr(stand.settings(key=KEY)),
            *map(everything_about, errors),
        ]
    assert "httpcore" in written[0] or "receive_response" in written[0], "the wire was listened to"
    for text in written:
        assert KEY not in text
        assert quote(KEY, safe="") not in text
        assert quote(KEY) not in text
    assert_no_request_holds_the_key(errors)


def assert_no_request_holds_the_key(errors: list[ProviderError]) -> None:
    """No error leads to the request it came from."""
    for error in errors:
        for module in {type(one).__module__.partition(".")[0] for one in (error, error.__cause__, error.__context__)}:
            assert module not in {"httpx", "httpcore"}


@card(23)
async def test_nobody_there_shows_no_key(log: io.StringIO, tmp_path: Path) -> None:
    async with fake_odds_api([write(tmp_path / "served.jsonl.gz", *TWO_RESPONSES)]) as stand:
        provider = stand.provider(key=KEY, url="http://127.0.0.1:9", attempts=2)
        with pytest.raises(ProviderError) as raised:
            await provider.fetch(0)
    gc.collect()
    for text in (log.getvalue(), everything_about(raised.value)):
        assert KEY not in text
        assert quote(KEY, safe="") not in text


@card(23)
async def test_the_service_does_get_the_key(tmp_path: Path) -> None:
    """Else everything above would be easy."""
    async with fake_odds_api([write(tmp_path / "served.jsonl.gz", *TWO_RESPONSES)]) as stand:
        await stand.provider(key=KEY).fetch(0)
        told = await stand.get("/v4/sports", apiKey=KEY)
        assert int(told.headers["x-requests-used"]) > 0
