"""`/problems/{type}`: what a kind of problem means, for whoever follows the address that an answer names."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from bet_intel.api.answers.problems import ProblemDescription, ProblemDescriptions
from bet_intel.api.domain.accounts import NOTHING
from bet_intel.api.operation import JSON, NoParameters, Operation
from bet_intel.api.pages import HTML, page, wants_html
from bet_intel.api.problem_types import PROBLEM_TYPES
from bet_intel.api.problems import NotFoundError
from bet_intel.api.query import parse

_PATH = "/problems"
_KEPT = {"Cache-Control": "public, max-age=3600", "Vary": "Accept"}
_BY_NAME = {
    each.name: ProblemDescription(f"{_PATH}/{each.name}", each.title, each.statuses, each.meaning, each.remedy)
    for each in PROBLEM_TYPES
}
PATHS = tuple(f"{_PATH}/{name}" for name in _BY_NAME)


def operations() -> tuple[Operation, ...]:
    described = "As HTML for a browser, else as JSON, by Accept."
    return (
        Operation(
            _PATH,
            "listProblems",
            "operation",
            "Kinds of problems",
            _listed,
            described,
            answer=ProblemDescriptions,
            problems=(400,),
            need=NOTHING,
        ),
        Operation(
            f"{_PATH}/{{type}}",
            "getProblem",
            "operation",
            "What a kind of problem means",
            _one,
            f"The `type` of every problem is such an address. {described}",
            path_parameters={"type": "Its name, as answers have it behind /problems/."},
            answer=ProblemDescription,
            problems=(400, 404),
            need=NOTHING,
        ),
    )


async def _listed(request: Request) -> Response:
    parse(request.url.query, NoParameters)
    if _for_a_browser(request):
        links = [(f"problems/{name}", one.title) for name, one in _BY_NAME.items()]
        return Response(page("Problems", "What the type of a problem means.", items=links), 200, _KEPT, HTML)
    return Response(msgspec.json.encode(ProblemDescriptions(list(_BY_NAME.values()))), 200, _KEPT, JSON)


async def _one(request: Request) -> Response:
    parse(request.url.query, NoParameters)
    one = _BY_NAME.get(request.path_params["type"])
    if one is None:
        raise NotFoundError.of("kind of problem", request.path_params["type"], f"{_PATH} lists those that there are.")
    if _for_a_browser(request):
        statuses = f"Status {' or '.join(map(str, one.statuses))}."
        return Response(page(one.title, one.meaning, one.remedy, statuses), 200, _KEPT, HTML)
    return Response(msgspec.json.encode(one), 200, _KEPT, JSON)


def _for_a_browser(request: Request) -> bool:
    return wants_html(request.headers.get("accept", ""))
