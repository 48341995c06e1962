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
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from fixtures.answers_summary import SUMMARY, Place, summary
from fixtures.api_accounts import KEYS, OPERATOR, holder
from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on
from fixtures.api_world import SECRETS_KEY, furnish
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration

SECONDS = int(os.environ.get("BET_INTEL_EXPLORE_SECONDS", "45"))
"""How long each of the ten runs may ask."""
# A stream does not end. Notifications of a made-up address would be sent where there is a notifier; here is none.
# The document is what is asked about.
LEFT_OUT = ("/v1/stream", "/openapi.json")
# What no made-up text or price is answered: their examples are.
BY_EXAMPLE = {("GET", "/v1/events/{id}/explain"), ("POST", "/v1/devig"), ("POST", "/v1/price")}
# What no schema can say is refused all the same: members that contradict each other, a cursor that was never given out.
NOT_SAID = "positive_data_acceptance"
ARCHIVE = "asked.har"
CONFIG = Path(__file__).parents[1] / "fixtures/schemathesis.toml"


async def ran(gateway: Gateway, folder: Path, phases: str, examples: int, headers: dict[str, str]) -> tuple[int, str]:
    """The exit code and the report of a run over the whole API."""
    sent = [f"--header={name}: {value}" for name, value in headers.items()]
    left_out = [f"--exclude-path={path}" for path in LEFT_OUT]
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")),
        f"--config-file={CONFIG}",
        *("run", f"{gateway.client.base_url}/openapi.json", f"--phases={phases}", *left_out),
        *(f"--max-time={SECONDS}", "--generation-deterministic", "--request-timeout=10"),
        *(
            "--continue-on-failure",
            "--no-shrink",
            "--no-color",
            "--warnings=off",
            f"--exclude-checks={NOT_SAID}",
            f"--max-examples={examples}",
            f"--report-har-path={folder / ARCHIVE}",
            *sent,
        ),
        cwd=folder,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(SECONDS + 60):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    report = said.decode(errors="replace")
    sys.stdout.write(report)
    return process.returncode or 0, report


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
    dsn = await make_database(MIGRATIONS)
    # Here it is asked what is answered, not how often. Before the gateway starts: it hears of changes by the audit log.
    database = await asyncpg.connect(dsn)
    await database.execute("update tier set requests_per_minute = null")
    await database.close()
    settings = KEYS | {"secrets_key": SecretStr(SECRETS_KEY), "refresh_burst": 100_000}
    async with gateway_on(dsn, **settings) as gateway:
        gateway.client.headers.update(OPERATOR)
        await furnish(gateway)
        headers = {"operator": OPERATOR, "key": (await holder(gateway, "premium")).headers, "anonymous": {}}[who]
        places, may = await allowed(gateway, headers)
        begin = time.monotonic()
        code, report = await ran(gateway, tmp_path, phases, examples, headers)
        found = summary(json.loads((tmp_path / ARCHIVE).read_text()), places, may, LEFT_OUT)
        for line in found.lines():
            record_property(SUMMARY, f"{who}, {phases}: {line}")
        assert code == 0, report[-3000:]
        assert (await gateway.client.get("/livez")).status_code == 200
        assert not found.status(429), "the limits were lifted, or this is about them"
        assert phases != "examples" or not BY_EXAMPLE & {*found.never_asked, *found.without_success}
        in_time = time.monotonic() - begin < SECONDS
        assert phases in ("examples", "stateful") or not in_time or not found.never_asked


async def allowed(gateway: Gateway, headers: dict[str, str]) -> tuple[list[Place], list[Place]]:
    """Every operation, and those that a caller with these headers may use."""
    places = [(one.method, one.path) for one in gateway.api.operations if one.path not in LEFT_OUT]
    # Not those of the client: there is no key where none is told.
    async with httpx.AsyncClient(base_url=gateway.client.base_url, trust_env=False, headers=headers) as client:
        asked = [await client.request(method, re.sub(r"\{\w+\}", str(uuid4()), path)) for method, path in places]
    may = [place for place, answer in zip(places, asked, strict=True) if answer.status_code not in (401, 403)]
    return places, may
