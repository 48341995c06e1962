"""Every operation asked by schemathesis with whatever its contract allows and forbids, alone and one after another.

Its checks: no server error; status, media type, headers and body as the document says; what the document forbids is
refused; what was deleted is gone.
"""

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from fixtures.answers_summary import SUMMARY, Place, followed, summary
from fixtures.api_accounts import KEYS, OPERATOR, holder
from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on
from fixtures.api_world import SECRETS_KEY, furnish
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration

SECONDS = int(os.environ.get("BET_INTEL_EXPLORE_SECONDS", "45"))
"""How long each of the runs over the whole API may ask."""
# A stream does not end: it is asked below, where it does. The document is what is asked about. Notifications of a
# made-up address would be sent where there is a notifier; here is none.
LEFT_OUT = ("/v1/stream", "/openapi.json")
# What no made-up text or price is answered: their examples are.
BY_EXAMPLE = {("GET", "/v1/events/{id}/explain"), ("POST", "/v1/devig"), ("POST", "/v1/price")}
# What no schema can say is refused all the same: members that contradict each other, a cursor that was never given out.
NOT_SAID = "positive_data_acceptance"
ARCHIVE = "asked.har"
STREAM = ("GET", "/v1/stream")
JOURNEYS = 15
FIXTURES = Path(__file__).parents[1] / "fixtures"
CONFIG = FIXTURES / "schemathesis.toml"
ONCE, EXAMPLES = "fixtures.schemathesis_once", "fixtures.schemathesis_examples"


async def ran(
    gateway: Gateway, folder: Path, headers: dict[str, str], *options: str, seconds: float, hooks: str
) -> tuple[int, str]:
    """The exit code and the report of a run with these options."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")),
        f"--config-file={CONFIG}",
        *("run", f"{gateway.client.base_url}/openapi.json", *options),
        *("--generation-deterministic", "--request-timeout=10"),
        *(
            "--continue-on-failure",
            "--no-shrink",
            "--no-color",
            "--warnings=off",
            f"--exclude-checks={NOT_SAID}",
            f"--report-har-path={folder / ARCHIVE}",
            *(f"--header={name}: {value}" for name, value in headers.items()),
        ),
        cwd=folder,
        env={**os.environ, "NO_PROXY": "127.0.0.1", "PYTHONPATH": str(FIXTURES.parent), "SCHEMATHESIS_HOOKS": hooks},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(seconds + 60):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    report = said.decode(errors="replace")
    sys.stdout.write(report)
    return process.returncode or 0, report


@asynccontextmanager
async def furnished(make_database: MakeDatabase) -> AsyncIterator[Gateway]:
    """A gateway with something of everything, whose client is the operator."""
    dsn = await make_database(MIGRATIONS)
    # Here it is asked what is answered, not how often. Before the gateway starts: it hears of changes by the audit log.
    database = await asyncpg.connect(dsn)
    await database.execute("update tier set requests_per_minute = null")
    await database.close()
    settings = KEYS | {"secrets_key": SecretStr(SECRETS_KEY), "refresh_burst": 100_000}
    async with gateway_on(dsn, **settings) as gateway:
        gateway.client.headers.update(OPERATOR)
        await furnish(gateway)
        yield gateway


@pytest.mark.parametrize(
    ("who", "phases", "examples"),
    [
        ("operator", "examples", 15),
        ("operator", "coverage", 15),
        ("operator", "fuzzing", 5),
        ("operator", "stateful", 15),
        ("key", "coverage", 15),
        ("key", "fuzzing", 5),
        ("key", "stateful", 15),
        ("anonymous", "coverage", 15),
        ("anonymous", "fuzzing", 5),
        ("anonymous", "stateful", 15),
    ],
)
async def test_the_api_keeps_its_contract(
    make_database: MakeDatabase,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    who: str,
    phases: str,
    examples: int,
) -> None:
    async with furnished(make_database) as gateway:
        headers = {"operator": OPERATOR, "key": (await holder(gateway, "premium")).headers, "anonymous": {}}[who]
        places, may = await allowed(gateway, headers)
        begin = time.monotonic()
        left_out = [f"--exclude-path={path}" for path in LEFT_OUT]
        which = (f"--phases={phases}", f"--max-examples={examples}", f"--max-time={SECONDS}", *left_out)
        code, report = await ran(gateway, tmp_path, headers, *which, seconds=SECONDS, hooks=ONCE)
        found = summary(json.loads((tmp_path / ARCHIVE).read_text()), places, may, LEFT_OUT)
        for line in found.lines():
            record_property(SUMMARY, f"{who}, {phases}: {line}")
        assert code == 0, report[-3000:]
        assert (await gateway.client.get("/livez")).status_code == 200
        assert not found.status(429), "the limits were lifted, or this is about them"
        assert phases != "examples" or not BY_EXAMPLE & {*found.never_asked, *found.without_success}
        in_time = time.monotonic() - begin < SECONDS
        assert phases in ("examples", "stateful") or not in_time or not found.never_asked


READ_AND_GONE = {("GET", "", 200), ("DELETE", "", 204)}
OF_A_SUBSCRIPTION = {("GET", "deliveries", 200), ("POST", "test", 202)}


@pytest.mark.parametrize(
    ("who", "path", "needs", "steps"),
    [
        ("key", "/v1/subscriptions", (), READ_AND_GONE | OF_A_SUBSCRIPTION),
        # Of what names an event it begins with where events come from.
        ("key", "/v1/bets", ("/v1/events",), READ_AND_GONE),
        ("operator", "/v1/admin/accounts", (), READ_AND_GONE),
    ],
)
async def test_what_is_made_is_followed(
    make_database: MakeDatabase,
    tmp_path: Path,
    who: str,
    path: str,
    needs: Sequence[str],
    steps: set[tuple[str, str, int]],
) -> None:
    """By the links of the contract: what was made is read, used and deleted, and schemathesis holds that what was
    deleted is not there. As many times over as it takes, however fast the machine is."""
    async with furnished(make_database) as gateway:
        headers = OPERATOR if who == "operator" else (await holder(gateway, "premium")).headers
        which = ("--phases=stateful", "--mode=positive", f"--max-examples={JOURNEYS}")
        asked = f"--include-path-regex=^({'|'.join([f'{path}.*', *needs])})$"
        code, report = await ran(gateway, tmp_path, headers, *which, asked, seconds=300, hooks=EXAMPLES)
        assert code == 0, report[-3000:]
        came = followed(json.loads((tmp_path / ARCHIVE).read_text()), path)
        assert steps <= came.keys(), came


@pytest.mark.parametrize("who", ["key", "anonymous"])
async def test_the_stream_keeps_its_contract(make_database: MakeDatabase, tmp_path: Path, who: str) -> None:
    """At a gateway that is about to stop, whose streams end when they have begun: what is refused is, and what is not
    has its head. What streams tell is held against the contract in test_api_stream_contract.py."""
    async with furnished(make_database) as gateway:
        headers = (await holder(gateway, "premium")).headers if who == "key" else {}
        gateway.api.drain()
        which = ("--phases=examples,coverage,fuzzing", "--max-examples=50", "--include-path=/v1/stream")
        code, report = await ran(gateway, tmp_path, headers, *which, seconds=300, hooks=ONCE)
        assert code == 0, report[-3000:]
        found = summary(json.loads((tmp_path / ARCHIVE).read_text()), [STREAM], [STREAM], ())
        # 401 also where schemathesis leaves the key out, or sends another.
        answers = found.answers[STREAM]
        assert answers.keys() == ({200, 400, 401} if who == "key" else {401}), answers


async def allowed(gateway: Gateway, headers: dict[str, str]) -> tuple[list[Place], list[Place]]:
    """Every operation, and those that a caller with these headers may use."""
    places = [(one.method, one.path) for one in gateway.api.operations if one.path not in LEFT_OUT]
    # Not those of the client: there is no key where none is told.
    async with httpx.AsyncClient(base_url=gateway.client.base_url, trust_env=False, headers=headers) as client:
        asked = [await client.request(method, re.sub(r"\{\w+\}", str(uuid4()), path)) for method, path in places]
    may = [place for place, answer in zip(places, asked, strict=True) if answer.status_code not in (401, 403)]
    return places, may
