"""docs/architecture/dependencies.toml says what the code does, as far as the code tells it."""

import ast
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bet_intel.compose.databases import SERVICES
from bet_intel.shared.heartbeat import HEARTBEAT
from bet_intel.shared.resync import RESYNC_REQUESTED

ROOT = Path(__file__).parents[2]
DECLARED: Mapping[str, Any] = tomllib.loads((ROOT / "docs/architecture/dependencies.toml").read_text("utf-8"))
PARTS: Mapping[str, Mapping[str, Any]] = DECLARED["parts"]
# Modules by which a part could open a connection that is neither its database nor an engine it was handed.
DIALLING = frozenset({"aio_pika", "aiohttp", "aiosmtplib", "http.client", "httpx", "redis", "requests", "smtplib",
                      "urllib.request", "urllib3", "websockets"})  # fmt: skip


def sources(part: str) -> list[ast.Module]:
    package = ROOT / "services" / part / "bet_intel" / part.replace("-", "_")
    return [ast.parse(file.read_text("utf-8")) for file in sorted(package.rglob("*.py"))]


@cache
def constants(part: str) -> dict[str, str]:
    """Module-level texts of a part, by name; the heartbeat's type comes from shared code."""
    found = {"HEARTBEAT": HEARTBEAT}
    for module in sources(part):
        for node in module.body:
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Constant)
                and isinstance(node.value.value, str)
            ):
                found |= {target.id: node.value.value for target in node.targets if isinstance(target, ast.Name)}
    return found


def text(part: str, node: ast.expr) -> str:
    """What an argument says: a text, or the name of a constant of the part."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name) and node.id in constants(part):
        return constants(part)[node.id]
    raise AssertionError(
        f"{part}: {ast.unparse(node)} must be a text or a module-level constant, so that this can be read"
    )


def calls(part: str, name: str) -> Iterator[ast.Call]:
    """Calls of a function or method of that name."""
    for module in sources(part):
        for node in ast.walk(module):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called == name:
                    yield node


def message_types(part: str) -> set[str]:
    """Types of the messages that a part makes: `Message(…, type=…)`, and what a `Heart(…)` or a `Resync(…)` tells."""
    made = {
        text(part, keyword.value)
        for call in calls(part, "Message")
        for keyword in call.keywords
        if keyword.arg == "type"
    }
    shared = {"Heart": HEARTBEAT, "Resync": RESYNC_REQUESTED}
    return made | {told for name, told in shared.items() if any(calls(part, name))}


def imported(part: str) -> set[str]:
    names: set[str] = set()
    for module in sources(part):
        for node in ast.walk(module):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_every_service_is_a_part() -> None:
    folders = {folder.name for folder in (ROOT / "services").iterdir() if (folder / "bet_intel").is_dir()}
    assert set(PARTS) == folders
    assert set(DECLARED["processes"]["up"]["parts"]) == folders


def test_each_part_has_a_database_of_its_own() -> None:
    assert sorted(part["database"] for part in PARTS.values()) == sorted(SERVICES)


@pytest.mark.parametrize("part", PARTS)
def test_queues(part: str) -> None:
    queues = {text(part, call.args[0]): text(part, call.args[1]) for call in calls(part, "Queue")}
    assert PARTS[part]["queues"] == queues


@pytest.mark.parametrize("part", PARTS)
def test_event_types(part: str) -> None:
    assert {*PARTS[part]["publishes"], *PARTS[part]["announces"]} == message_types(part)


def test_only_what_is_announced_may_have_no_outbox() -> None:
    with_outbox = {part for part in PARTS if any(calls(part, "Outbox"))}
    assert {part for part, declared in PARTS.items() if declared["publishes"] or declared["task_queues"]} <= with_outbox


def test_every_published_type_has_a_consumer() -> None:
    consumed = {each for part in PARTS.values() for each in part["queues"].values()}
    told = {each for part in PARTS.values() for each in (*part["publishes"], *part["announces"])}
    assert told == consumed


@pytest.mark.parametrize("part", PARTS)
def test_task_queues(part: str) -> None:
    served = [text(part, call.args[0]) for call in calls(part, "register") if "tasks" in ast.unparse(call.func)]
    assert PARTS[part]["task_queues"] == served


@pytest.mark.parametrize("part", PARTS)
def test_cache(part: str) -> None:
    uses = any("engines.cache" in ast.unparse(module) for module in sources(part))
    assert PARTS[part]["cache"] is uses


@pytest.mark.parametrize("part", PARTS)
def test_no_connection_to_hosts_that_are_not_declared(part: str) -> None:
    if not PARTS[part]["hosts"]:
        assert not imported(part) & DIALLING
