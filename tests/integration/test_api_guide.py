"""Every snippet of docs/api/guide.md, run as it stands against a real gateway."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import SecretStr

from fixtures.api_accounts import KEYS, OPERATOR, TOKEN, holder
from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on
from fixtures.api_world import SECRETS_KEY, furnish
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration

GUIDE = Path(__file__).parents[2] / "docs/api/guide.md"
SHELL = "set -euo pipefail\n"


class Snippet(NamedTuple):
    """`question` is the heading it stands below, "" at the beginning."""

    question: str
    language: str
    code: str


def snippets() -> list[Snippet]:
    found, question = [], ""
    for heading, language, code in re.findall(
        r"^## ([^\n]*)$|^```(\w+[ \w]*)\n(.*?)^```$", GUIDE.read_text(), re.M | re.S
    ):
        question = heading or question
        if language:
            found.append(Snippet(question, language, code))
    return found


@pytest.fixture
async def furnished(make_database: MakeDatabase) -> AsyncIterator[Gateway]:
    settings = KEYS | {"secrets_key": SecretStr(SECRETS_KEY), "stream_heartbeat_seconds": 0.5}
    async with gateway_on(await make_database(MIGRATIONS), **settings) as gateway:
        gateway.client.headers.update(OPERATOR)
        await furnish(gateway, settings=False)
        reader = await holder(gateway, "premium")
        gateway.client.headers.update(reader.headers)
        yield gateway


async def said(gateway: Gateway, folder: Path, *command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={
            **os.environ,
            "BET_INTEL_URL": str(gateway.client.base_url),
            "BET_INTEL_KEY": gateway.client.headers["Authorization"].removeprefix("Bearer "),
            "BET_INTEL_ADMIN_KEY": TOKEN,
            "NO_PROXY": "127.0.0.1",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, errors = await process.communicate()
    assert process.returncode == 0, f"{command[-1]}\n{errors.decode()}"
    return out.decode()


def test_twelve_questions_each_in_both_languages() -> None:
    questions: dict[str, list[str]] = {}
    for snippet in snippets():
        questions.setdefault(snippet.question, []).append(snippet.language)
    assert questions.pop("") == ["bash setup", "python setup"]
    assert len(questions) == 12
    assert all(languages == ["bash", "python"] for languages in questions.values()), questions


@pytest.mark.skipif(shutil.which("curl") is None and not os.environ.get("CI"), reason="curl is not installed")
async def test_shell_snippets(furnished: Gateway, tmp_path: Path) -> None:
    answers, setup = {}, next(snippet.code for snippet in snippets() if snippet.language == "bash setup")
    for snippet in snippets():
        if snippet.language in ("bash", "bash setup"):
            code = setup + (snippet.code if snippet.language == "bash" else "")
            answers[snippet.question] = await said(furnished, tmp_path, "bash", "-c", SHELL + code)
    numbered = {question.partition(".")[0]: answer for question, answer in answers.items()}
    for number, part in (
        ("", '"ready"'),
        ("1", '"price":120'),
        ("2", '"explanation":'),
        ("3", '"data":[{"id":'),
        ("4", "304"),
        ("5", '"consensus_odds":'),
        ("6", "event_id,changed_at"),
        ("7", '"fair_probability":0.5'),
        ("8", '"clv":'),
        ("9", '"secret":"whsec_'),
        ("10", '"remedy":'),
        ("11", "event: snapshot"),
        ("12", '"tier":{"name":"premium"'),
    ):
        assert part in numbered[number], f"{number}: {numbered[number]}"


async def test_python_snippets(furnished: Gateway, tmp_path: Path) -> None:
    setup = next(snippet.code for snippet in snippets() if snippet.language == "python setup")
    printed = {}
    for snippet in snippets():
        if snippet.language == "python":
            printed[snippet.question.partition(".")[0]] = await said(
                furnished, tmp_path, sys.executable, "-c", setup + snippet.code
            )
    for number, part in (
        ("1", "at 2.2 with Alpha"),
        ("2", "."),
        ("3", "Harbour City v Riverside"),
        ("4", "unchanged"),
        ("5", "h2h None Harbour City best"),
        ("6", "that is all"),
        ("7", "stake 9.45"),
        ("8", " again"),
        ("9", "keep this: whsec_…"),
        ("10", "400 Unknown parameter 'minimum_ev'"),
        ("11", "snapshot with 5 opportunities\nit goes on with "),
        ("12", "basic by True\nanother: True the first until 20"),
    ):
        assert part in printed[number], f"{number}: {printed[number]}"
