"""Every operation asked by schemathesis with whatever its contract allows and forbids, alone and one after another.

Its checks: no server error; status, media type, headers and body as the document says; what the document forbids is
refused; what was deleted is gone.
"""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from fixtures.api_accounts import KEYS, OPERATOR
from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on
from fixtures.api_world import SECRETS_KEY, furnish
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration

SECONDS = int(os.environ.get("BET_INTEL_EXPLORE_SECONDS", "20"))
"""How long each of the four runs may ask."""
# A stream does not end. Notifications of a made-up address would be sent where there is a notifier; here is none.
LEFT_OUT = ("/v1/stream",)
# What no schema can say is refused all the same: members that contradict each other, a cursor that was never given out.
NOT_SAID = "positive_data_acceptance"
CONFIG = Path(__file__).parents[1] / "fixtures/schemathesis.toml"


async def ran(gateway: Gateway, folder: Path, phases: str, *more: str) -> tuple[int, str]:
    """The exit code and the report of a run over the whole API."""
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
            *more,
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
    ("phases", "more", "who"),
    [
        ("examples,coverage", (), OPERATOR),
        ("fuzzing", ("--max-examples=15",), OPERATOR),
        ("stateful", ("--max-examples=15",), OPERATOR),
        ("examples,fuzzing", ("--max-examples=10",), {}),
    ],
    ids=["coverage", "fuzzing", "stateful", "anonymous"],
)
async def test_the_api_keeps_its_contract(
    make_database: MakeDatabase, tmp_path: Path, phases: str, more: tuple[str, ...], who: dict[str, str]
) -> None:
    dsn = await make_database(MIGRATIONS)
    settings = KEYS | {"secrets_key": SecretStr(SECRETS_KEY), "refresh_burst": 100_000}
    async with gateway_on(dsn, **settings) as gateway:
        gateway.client.headers.update(OPERATOR)
        await furnish(gateway)
        sent = [f"--header={name}: {value}" for name, value in who.items()]
        code, report = await ran(gateway, tmp_path, phases, *sent, *more)
        assert code == 0, report[-3000:]
        assert (await gateway.client.get("/livez")).status_code == 200
