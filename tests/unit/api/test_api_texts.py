"""What answers and pages say where to go: every address that they name is one of the API."""

import ast
import re
from pathlib import Path

import pytest

import bet_intel.api
from bet_intel.api.app import described
from bet_intel.api.problem_types import PROBLEM_TYPES, ProblemType
from bet_intel.api.routes import documentation

SOURCES = Path(bet_intel.api.__file__).parent
ADDRESS = re.compile(r"(?<![\w.}/])/(?:v1|docs|problems|openapi\.json|livez|readyz|metrics|api)\b[\w/{}.…-]*")
ROUTES = {one.path for one in described()} | {one.path for one in documentation.routes()}


def is_route(address: str) -> bool:
    """Whether it is served, whatever its names are called; `…` and an end that is open stand for all that is below."""
    if address.endswith(("…", "/")):
        return any(route.startswith(address.rstrip("…")) for route in ROUTES)
    return any(is_at(address.split("/"), route.split("/")) for route in ROUTES)


def is_at(named: list[str], route: list[str]) -> bool:
    """What is put into a text may be any part of an address; what is written there is a part of that name."""
    return len(named) == len(route) and all(
        one == other or one.startswith("{") for one, other in zip(named, route, strict=True)
    )


def addresses(text: str) -> list[str]:
    return [address.rstrip(".") for address in ADDRESS.findall(text)]


@pytest.mark.parametrize("problem", PROBLEM_TYPES, ids=lambda one: one.name)
def test_what_a_page_of_a_problem_names_is_there(problem: ProblemType) -> None:
    named = addresses(f"{problem.meaning} {problem.remedy}")
    assert [address for address in named if not is_route(address)] == []


def test_pages_of_problems_name_addresses() -> None:
    named = {address for one in PROBLEM_TYPES for address in addresses(f"{one.meaning} {one.remedy}")}
    assert "/v1/stream" in named


def texts() -> list[tuple[str, str]]:
    """Every text of the gateway's sources, with where it is; what is put into one stands as {}."""
    found = []
    for file in sorted(SOURCES.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        put_together = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
        parts = {id(part) for node in put_together for part in node.values}
        for node in put_together:
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
            found.append((f"{file.name}:{node.lineno}", text))
        found += [
            (f"{file.name}:{node.lineno}", node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts
        ]
    return found


def test_what_any_text_names_is_there() -> None:
    """Details of problems, descriptions, pages: one that names an address which was renamed leads nowhere."""
    named = [(where, address) for where, text in texts() for address in addresses(text)]
    assert len(named) > 100
    assert [(where, address) for where, address in named if not is_route(address)] == []
