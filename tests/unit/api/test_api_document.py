"""The committed contract is that of the code."""

import json
from pathlib import Path

import pytest
from starlette.exceptions import HTTPException

from bet_intel.api import problems
from bet_intel.api.app import contract
from bet_intel.api.pages import page, wants_html
from bet_intel.api.problem_types import PROBLEM_TYPES
from bet_intel.api.problems import problem_of
from bet_intel.shared.postgres import (
    DatabaseUnavailableError,
    PoolBusyError,
    PrimaryUnavailableError,
    TablesChangedError,
)

COMMITTED = Path(__file__).parents[3] / "docs/api/openapi.json"
ERRORS: list[Exception] = [
    problems.CursorError("x"),
    problems.ParameterError("x", "x"),
    problems.BodyError("x"),
    problems.BodyError("x", too_long=True),
    problems.BodyError("x", wrong_type=True),
    problems.TooManyRequestsError(1.0),
    problems.HeaderError("x", "x"),
    problems.UnauthorizedError("x"),
    problems.ForbiddenError("x"),
    problems.UnconfiguredError("x"),
    problems.BusyError("x"),
    problems.TakenError("x"),
    problems.OtherBetError("x"),
    problems.PreconditionError("x"),
    problems.ReusedKeyError("x"),
    problems.NotFoundError("x"),
    problems.TooLargeError("x"),
    problems.KeyInUrlError(),
    problems.OverloadedError(),
    problems.NoPlaceError("x", 1.0),
    PoolBusyError("x"),
    problems.TooLongError("x", 414),
    HTTPException(404),
    HTTPException(405),
    HTTPException(400),
    problems.LateBodyError(15.0),
    TimeoutError(),
    PrimaryUnavailableError("x"),
    TablesChangedError("x"),
    ValueError("whatever nobody expected"),
]


def test_the_committed_document_is_that_of_the_code() -> None:
    committed = json.loads(COMMITTED.read_text(encoding="utf-8"))
    assert committed == json.loads(contract()), "scripts/openapi writes it anew; the difference is a change of contract"


def test_every_kind_of_problem_has_its_page() -> None:
    assert {type(error) for error in ERRORS} >= set(problems.KNOWN) - {DatabaseUnavailableError}
    pages = {each.name: each for each in PROBLEM_TYPES}
    told = set()
    for error in ERRORS:
        problem, _ = problem_of(error, "/x")
        name = problem.type.removeprefix("/problems/")
        assert problem.title == pages[name].title
        assert problem.status in pages[name].statuses
        told.add(name)
    # Said before a request can be read.
    assert told | {"malformed-request"} == set(pages)


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        ("", False),
        ("*/*", False),
        ("application/json, text/html", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("TEXT/HTML", True),
        ("image/png", False),
    ],
)
def test_a_browser_gets_a_page(accept: str, html: bool) -> None:
    assert wants_html(accept) is html


def test_a_page_escapes_what_it_is_given() -> None:
    assert b"<script>" not in page("<script>", "<script>", items=[('"><script>', "<script>")])
