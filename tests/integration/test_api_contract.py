"""The contract: an example of every operation, as a gateway answers it, that fits its schema.

`BET_INTEL_WRITE_EXAMPLES=1` writes examples.json anew.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import SecretStr

import bet_intel.api
from bet_intel.api.domain.keys import PREFIX
from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on
from fixtures.api_world import QUERIES, SECRETS_KEY, World, furnish, low_holds, named
from fixtures.postgres import MakeDatabase
from fixtures.sse import streaming

pytestmark = pytest.mark.integration

EXAMPLES = Path(bet_intel.api.__file__).with_name("examples.json")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FIRST_LINES = 3


async def recorded(gateway: Gateway) -> dict[str, Any]:
    """A question and its answer for every operation that the document names."""
    world = await furnish(gateway)
    document = await gateway.get("/openapi.json")
    found: dict[str, Any] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if not operation.get("deprecated"):
                found[operation["operationId"]] = await _recorded(gateway, world, path, method, operation)
    await low_holds(gateway)
    found["listLowHolds"] = {"answer": await gateway.get("/v1/low-holds")}
    return found


async def _recorded(
    gateway: Gateway, world: World, path: str, method: str, operation: dict[str, Any]
) -> dict[str, Any]:
    id, names = operation["operationId"], named(world, path)
    example: dict[str, Any] = {"path": names} if names else {}
    if id in QUERIES:
        example["query"] = QUERIES[id]
    written = world.writes.get(id)
    if written is not None:
        if written.request.content:
            example["body"] = json.loads(written.request.content)
        return example | {"answer": written.json()}
    if method == "get" and id not in ("streamChanges", "getMetrics", "getOpenapi"):
        example["answer"] = await _answered(gateway, path.format(**names), id)
    elif id == "streamChanges":
        async with streaming(gateway.client, event=world.event) as stream:
            event = await stream.event()
        example["answer"] = f"event: {event.name}\nid: {event.id}\ndata: {json.dumps(event.data)}\n\n"
    elif id == "getMetrics":
        example["answer"] = "# TYPE bet_intel_api_feed_seq gauge\nbet_intel_api_feed_seq 7.0\n"
    elif id == "getOpenapi":
        example["answer"] = {"openapi": "3.1.0"}
    return example


async def _answered(gateway: Gateway, path: str, id: str) -> Any:
    asked = QUERIES.get(id, {})
    if id.startswith("export"):
        of_type = {}
        for name, media_type in (("csv", "text/csv"), ("ndjson", "application/x-ndjson")):
            text = (await gateway.client.get(path, params={**asked, "format": name})).text
            of_type[media_type] = "".join(text.splitlines(keepends=True)[:_FIRST_LINES])
        return of_type
    return await gateway.get(path, **asked)


def settled(examples: dict[str, Any]) -> dict[str, Any]:
    """Without what is another every time: ids, secrets, the number of the feed."""
    text = json.dumps(examples)
    ids = list(dict.fromkeys(match[0] for match in _UUID.finditer(text)))
    for number, id in enumerate(ids, 1):
        text = text.replace(id, f"6f1d2a34-0000-4000-8000-{number:012d}")
    text = re.sub(r"whsec_[A-Za-z0-9+/=]+", "whsec_bm90IGEgc2VjcmV0LCBhbiBleGFtcGxlIG9mIG9uZQ==", text)
    text = re.sub(rf"{PREFIX}[A-Za-z0-9_-]+", f"{PREFIX}EXAMPLE", text)
    text = re.sub(r'"hint": "\w+"', '"hint": "k7Qz"', text)
    text = re.sub(r'"request_id": "\w+"', '"request_id": "5f1a3c5e7f9b4b3d8a6c0e2f4a6b8c0d"', text)
    text = re.sub(r'"epoch": \d+', '"epoch": 1776362400000', text)
    text = re.sub(r"id: \d+-", "id: 1776362400000-", text)
    settled_examples: dict[str, Any] = json.loads(text)
    return settled_examples


def shape(value: Any) -> Any:
    """Members and types, without the values."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in sorted(value.items())}
    if isinstance(value, list):
        # What was made at one moment is in any order.
        return sorted((shape(part) for part in value), key=repr)
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


async def test_an_example_of_every_operation_as_it_is_answered(make_database: MakeDatabase) -> None:
    dsn = await make_database(MIGRATIONS)
    async with gateway_on(dsn, secrets_key=SecretStr(SECRETS_KEY), access="local") as gateway:
        found = settled(await recorded(gateway))
        if os.environ.get("BET_INTEL_WRITE_EXAMPLES"):
            EXAMPLES.write_text(json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
        committed = json.loads(EXAMPLES.read_text())
        again = "BET_INTEL_WRITE_EXAMPLES=1 writes examples.json anew; then scripts/openapi"
        assert committed.keys() == found.keys(), again
        for id, example in found.items():
            assert shape(committed[id]) == shape(example), f"{id}: {again}"


async def test_examples_fit_their_schemas(make_database: MakeDatabase) -> None:
    async with gateway_on(await make_database(MIGRATIONS)) as gateway:
        document = await gateway.get("/openapi.json")
    missing, checked, parameters = [], 0, 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answers = [answer for status, answer in operation["responses"].items() if status < "500"]
            contents = [part for answer in answers for part in answer.get("content", {}).items()]
            contents += operation.get("requestBody", {}).get("content", {}).items()
            for media_type, content in contents:
                if "example" not in content:
                    missing.append(f"{method} {path} {media_type}")
                    continue
                Draft202012Validator({**content["schema"], "components": document["components"]}).validate(
                    content["example"]
                )
                checked += 1
            for parameter in operation["parameters"]:
                assert not parameter["required"] or "example" in parameter, path
                if "example" in parameter:
                    schema = Draft202012Validator(parameter["schema"], format_checker=FormatChecker())
                    schema.validate(parameter["example"])
                    parameters += 1
    # The answer to any other error has none.
    assert {one for one in missing if "problem+json" not in one} == set()
    assert checked > 150
    assert parameters > 20
