"""The OpenAPI 3.1 document, made from the operations that the routes are made from."""

from collections.abc import Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec

from bet_intel.api.auth import API_KEY_HEADER
from bet_intel.api.domain.accounts import Need
from bet_intel.api.operation import JSON, Operation
from bet_intel.api.problems import MEDIA_TYPE, Problem

_REF = "#/components/schemas/{name}"
_PROBLEMS = {
    400: "A query parameter cannot be used as it was given; the answer names it and says what is expected.",
    401: "There is no key, or it is not in force.",
    403: "The caller may not, as things are: the answer says what is lacking.",
    404: "The read model does not know it.",
    409: "Another request with the same Idempotency-Key is under way, or there is one with the same name already.",
    412: "It has changed meanwhile.",
    413: "The body is too long.",
    414: "The address is too long.",
    415: "The body was not sent as application/json.",
    422: "The Idempotency-Key was used for another request.",
    429: "Asked too often; Retry-After says when to try again.",
    431: "The headers are too long.",
    503: "The database does not answer; Retry-After says when to try again.",
}


def document(operations: Sequence[Operation]) -> bytes:
    """The document as JSON."""
    told = [
        each
        for operation in operations
        for each in (operation.answer, operation.body, *operation.structures)
        if each is not None
    ]
    _, schemas = msgspec.json.schema_components([*told, Problem], ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
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
                {"name": "operation", "description": "The state of the system and of this process."},
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


def _operation(operation: Operation) -> dict[str, Any]:
    text = " ".join(part for part in (operation.description, operation.need.told) if part)
    described = {"description": text} if text else {}
    return {
        "security": _security(operation.need),
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        **described,
        "parameters": [*_path_parameters(operation), *_query_parameters(operation), *_headers(operation)],
        **_request_body(operation),
        "responses": _responses(operation),
    }


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "description": description, "schema": {"type": "string"}}
        for name, description in operation.path_parameters.items()
    ]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    (root,), components = msgspec.json.schema_components([operation.query], ref_template=_REF)
    properties = components[operation.query.__name__]["properties"] if components else root.get("properties", {})
    return [_query_parameter(name, schema) for name, schema in properties.items()]


def _query_parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    # A parameter is left out, never given as null.
    options = [option for option in schema.get("anyOf", []) if option != {"type": "null"}]
    plain = {**schema, **options[0]} if options else dict(schema)
    plain.pop("anyOf", None)
    if plain.get("default", ...) in (None, []):
        plain.pop("default")
    description = plain.pop("description", "")
    parameter = {"name": name, "in": "query", "required": False, "description": description, "schema": plain}
    return parameter | ({"style": "form", "explode": False} if plain.get("type") == "array" else {})


def _headers(operation: Operation) -> list[dict[str, Any]]:
    headers = dict(operation.headers)
    if operation.conditional:
        headers["If-None-Match"] = "ETag of an answer you have: 304 if it is still the answer."
    return [
        {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}
        for name, description in headers.items()
    ]


def _request_body(operation: Operation) -> dict[str, Any]:
    if operation.body is None:
        return {}
    return {
        "requestBody": {"required": operation.body_required, "content": {JSON: {"schema": _reference(operation.body)}}}
    }


def _responses(operation: Operation) -> dict[str, Any]:
    schema = _reference(operation.answer) if operation.answer else {"type": "string"}
    media_types = operation.media_types or (operation.media_type,)
    content: dict[str, Any] = {"content": {media_type: {"schema": schema} for media_type in media_types}}
    if operation.status == HTTPStatus.NO_CONTENT:
        content = {}
    etag = {"ETag": {"description": "Names this answer.", "schema": {"type": "string"}}}
    location = {"Location": {"description": "Where to look for what came of it.", "schema": {"type": "string"}}}
    headers = (
        etag
        if operation.conditional
        else location
        if operation.status in (HTTPStatus.ACCEPTED, HTTPStatus.CREATED)
        else None
    )
    responses: dict[str, Any] = {
        str(operation.status): {
            "description": operation.summary,
            **content,
            **({"headers": headers} if headers else {}),
        }
    }
    if operation.conditional:
        responses["304"] = {"description": "Still what If-None-Match names.", "headers": etag}
    for status, description in operation.also.items():
        responses[str(status)] = {"description": description, **content}
    for status in sorted({*operation.problems, *_refusals(operation.need)}):
        responses[str(status)] = _problem(_PROBLEMS[status])
    responses["default"] = _problem("Any other error.")
    return responses


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": _reference(Problem)}}}


def _reference(structure: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": _REF.format(name=structure.__name__)}
