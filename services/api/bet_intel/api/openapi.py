"""The OpenAPI 3.1 document, made from the operations that the routes are made from.

`examples.json` has a question and an answer of each, by its id, as a gateway gave them.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import msgspec

from bet_intel.api.auth import API_KEY_HEADER
from bet_intel.api.dated_schemas import has_date_format, in_either_format
from bet_intel.api.domain.accounts import Need
from bet_intel.api.operation import JSON, Operation
from bet_intel.api.paging import LINK, is_paged
from bet_intel.api.problem_types import PROBLEM_TYPES
from bet_intel.api.problems import MEDIA_TYPE, Problem

_REF = "#/components/schemas/{name}"
_PATTERNS = {"Idempotency-Key": "^[\\x21-\\x7e]{1,255}$", "Read-After": "^[0-9A-F]{1,8}-[0-9A-F]{1,16}$"}
_PROBLEMS = {
    400: "A query parameter cannot be used as it was given; the answer names it and says what is expected.",
    401: "There is no key, or it is not in force.",
    403: "The caller may not, as things are: the answer says what is lacking.",
    404: "The read model does not know it.",
    408: "The body did not arrive in time, and nothing was done.",
    409: "Another request with the same Idempotency-Key is under way, or there is one with the same name already.",
    412: "It has changed meanwhile.",
    413: "The body is too long.",
    414: "The address is too long.",
    415: "The body was not sent as application/json.",
    422: "The Idempotency-Key was used for another request, or an export would be too large.",
    429: "Asked too often; Retry-After says when to try again.",
    431: "The headers are too long.",
    503: "The database does not answer; Retry-After says when to try again.",
}


class Example(msgspec.Struct, frozen=True):
    """A question and its answer: parameters of the path and the query, the body that was sent, and what came back."""

    path: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    body: Any = None
    answer: Any = None


def document(operations: Sequence[Operation]) -> bytes:
    """The document as JSON."""
    stored = (files("bet_intel.api") / "examples.json").read_bytes()
    examples = msgspec.json.decode(stored, type=dict[str, Example])
    told = [
        each
        for operation in operations
        for each in (operation.answer, operation.body, *operation.structures)
        if each is not None
    ]
    _, schemas = msgspec.json.schema_components([*told, Problem], ref_template=_REF)
    dated = [
        each
        for operation in operations
        if has_date_format(operation.query)
        for each in (operation.answer, *operation.structures)
        if each is not None
    ]
    schemas |= in_either_format(dated, schemas)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(
            operation, examples.get(operation.example or operation.id, Example()), _links(operation, operations)
        )
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "bet-intel",
                "version": version("bet-intel"),
                "description": (
                    "Fair prices and positive expected value from the odds of many bookmakers. "
                    "Lists answer `data`, `next_cursor` and `as_of`. Errors are problem details (RFC 9457). "
                    "Unknown query parameters are refused. Ages are in source time: against `as_of`, not the clock."
                ),
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "tags": [
                {"name": "opportunities", "description": "Prices that pay more than their fair price."},
                {"name": "events", "description": "Events, their prices and their consensus."},
                {"name": "subscriptions", "description": "Being told of opportunities."},
                {"name": "bets", "description": "Bets that were placed, and their closing line value."},
                {"name": "account", "description": "Who asks, and what tiers there are."},
                {"name": "administration", "description": "For administrators."},
                {"name": "exports", "description": "The same as files, whole."},
                {"name": "calculators", "description": "The mathematics, for prices of your own."},
                {"name": "operation", "description": "The state of the system and of this process."},
                {"name": "deprecated", "description": "Addresses of the system that this one follows."},
            ],
            "paths": paths,
            "components": {"schemas": schemas, "securitySchemes": _SCHEMES},
        }
    )


_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
    "header": {"type": "apiKey", "in": "header", "name": API_KEY_HEADER, "description": "An API key, likewise."},
}


def _security(need: Need) -> list[dict[str, list[str]]]:
    if need.is_open:
        return []
    without = [] if need.account or need.feature or need.stream else [dict[str, list[str]]()]
    return [{"bearer": []}, {"header": []}, *without]


def _refusals(need: Need) -> tuple[int, ...]:
    """What any operation may be refused with by whom it lets in, and how often."""
    if need.is_open:
        return ()
    return (401, 403, 414, 429, 431) if need.scope or need.feature else (401, 414, 429, 431)


def _late(operation: Operation) -> tuple[int, ...]:
    """Whoever reads a body, which may be too long for it, waits for one no longer than for an answer."""
    return (408,) if 413 in operation.problems else ()


def _links(operation: Operation, operations: Sequence[Operation]) -> dict[str, Any]:
    """What can be asked of that which an operation makes, by the id that it answers: what is at its address and below,
    where no other name is needed."""
    if operation.status != HTTPStatus.CREATED:
        return {}
    known = {name: f"$request.path.{name}" for name in operation.path_parameters}
    links = {}
    for other in operations:
        below = other.path.startswith(f"{operation.path}/{{")
        (made, *more) = [name for name in other.path_parameters if name not in known] or ("",)
        if below and not more:
            links[other.id] = {"operationId": other.id, "parameters": {**known, made: "$response.body#/id"}}
    return {"links": links} if links else {}


def _operation(operation: Operation, example: Example, links: dict[str, Any]) -> dict[str, Any]:
    text = " ".join(part for part in (operation.description, operation.need.told) if part)
    described: dict[str, Any] = {"description": text} if text else {}
    if operation.deprecated:
        described["deprecated"] = True
    return {
        "security": _security(operation.need),
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        **described,
        "parameters": [
            *_path_parameters(operation, example),
            *_query_parameters(operation, example),
            *_headers(operation),
        ],
        **_request_body(operation, example),
        "responses": _responses(operation, example, links),
    }


def _path_parameters(operation: Operation, example: Example) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": description,
            "schema": {"type": "string"},
            **({"example": example.path[name]} if name in example.path else {}),
        }
        for name, description in operation.path_parameters.items()
    ]


def _query_parameters(operation: Operation, example: Example) -> list[dict[str, Any]]:
    (root,), components = msgspec.json.schema_components([operation.query], ref_template=_REF)
    described = components[operation.query.__name__] if components else root
    needed = described.get("required", [])
    return [
        _query_parameter(name, schema, required=name in needed, example=example.query.get(name))
        for name, schema in described.get("properties", {}).items()
    ]


def _query_parameter(name: str, schema: dict[str, Any], *, required: bool, example: str | None) -> dict[str, Any]:
    # A parameter is left out, never given as null.
    options = [option for option in schema.get("anyOf", []) if option != {"type": "null"}]
    plain = {**schema, **options[0]} if options else dict(schema)
    plain.pop("anyOf", None)
    if plain.get("default", ...) in (None, []):
        plain.pop("default")
    description = plain.pop("description", "")
    if plain.get("format") == "date-time":
        # Seconds since 1970 will do as well.
        plain = {"anyOf": [plain, {"type": "number"}]}
    if plain.get("type") == "array":
        plain["minItems"] = 1
    parameter = {"name": name, "in": "query", "required": required, "description": description, "schema": plain}
    is_list = plain.get("type") == "array"
    if example is not None:
        # The example is of what the schema describes, not of how it is written in an address.
        parameter["example"] = example.split(",") if is_list else example
    return parameter | ({"style": "form", "explode": False} if is_list else {})


def _headers(operation: Operation) -> list[dict[str, Any]]:
    headers = dict(operation.headers)
    if operation.conditional:
        headers["If-None-Match"] = "ETag of an answer you have: 304 if it is still the answer."
    return [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": description,
            "schema": {"type": "string", **({"pattern": _PATTERNS[name]} if name in _PATTERNS else {})},
        }
        for name, description in headers.items()
    ]


def _request_body(operation: Operation, example: Example) -> dict[str, Any]:
    if operation.body is None:
        return {}
    content: dict[str, Any] = {"schema": _reference(operation.body)}
    if example.body is not None:
        content["example"] = example.body
    return {"requestBody": {"required": operation.body_required, "content": {JSON: content}}}


def _responses(operation: Operation, example: Example, links: dict[str, Any]) -> dict[str, Any]:
    schema = _reference(operation.answer) if operation.answer else {"type": "string"}
    content = {"content": {media_type: {"schema": schema} for media_type in _media_types(operation)}}
    if operation.status == HTTPStatus.NO_CONTENT:
        content = {}
    succeeded = {"content": _with_example(content.get("content", {}), example)} if content else {}
    headers = _answer_headers(operation)
    responses: dict[str, Any] = {
        str(operation.status): {
            "description": operation.summary,
            **succeeded,
            **({"headers": headers} if headers else {}),
            **links,
        }
    }
    if operation.conditional:
        responses["304"] = {"description": "Still what If-None-Match names.", "headers": {"ETag": headers["ETag"]}}
    for status, description in operation.also.items():
        # Another success has the same example; what else there is has the same form alone.
        responses[str(status)] = {
            "description": description,
            **(succeeded if status < HTTPStatus.MULTIPLE_CHOICES else content),
        }
    for status in sorted({*operation.problems, *_refusals(operation.need), *_late(operation)}):
        responses[str(status)] = _problem(_PROBLEMS[status], status)
    responses["default"] = _problem("Any other error.")
    return responses


def _media_types(operation: Operation) -> tuple[str, ...]:
    return operation.media_types or (operation.media_type,)


def _with_example(content: dict[str, Any], example: Example) -> dict[str, Any]:
    """The content with what was answered; where there are several media types, with the one of each."""
    if example.answer is None:
        return content
    of_type = example.answer if len(content) > 1 else dict.fromkeys(content, example.answer)
    return {media_type: {**told, "example": of_type[media_type]} for media_type, told in content.items()}


def _answer_headers(operation: Operation) -> dict[str, Any]:
    described: dict[str, str] = {}
    if operation.conditional:
        described["ETag"] = "Names this answer."
    if is_paged(operation.query):
        described[LINK] = 'Where the next page is, rel="next"; none on the last.'
    if operation.status in (HTTPStatus.ACCEPTED, HTTPStatus.CREATED):
        described["Location"] = "Where to look for what came of it."
    return {name: {"description": told, "schema": {"type": "string"}} for name, told in described.items()}


def _problem(description: str, status: int | None = None) -> dict[str, Any]:
    kind = next((each for each in PROBLEM_TYPES if status in each.statuses), None)
    content: dict[str, Any] = {"schema": _reference(Problem)}
    if kind is not None and status is not None:
        content["example"] = Problem(f"/problems/{kind.name}", kind.title, status, kind.meaning)
    return {"description": description, "content": {MEDIA_TYPE: content}}


def _reference(structure: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": _REF.format(name=structure.__name__)}
