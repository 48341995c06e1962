"""The commands that docs/operations tells an operator name what there is: files, services, profiles, targets."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bet_intel.compose.cluster.services import KINDS
from deploy.faults import PROJECT

_PAGES = sorted([*(PROJECT / "docs/operations").rglob("*.md"), PROJECT / "README.md", PROJECT / "CONTRIBUTING.md"])
_BLOCK = re.compile(r"(?:^ {4}\S.*\n)+", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")
_SERVICES: dict[str, Any] = yaml.safe_load((PROJECT / "compose/compose.yaml").read_text("utf-8"))["services"]
_WATCHERS = yaml.safe_load((PROJECT / "compose/compose.observability.yaml").read_text("utf-8"))["services"]
_TARGETS = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text("utf-8"), re.MULTILINE))
_PHASES = ("one host", "replicas", "Redis Cluster", "pools of workers", "Kubernetes")
# With a value of their own.
_VALUED = frozenset({"-f", "--env-file", "--profile", "--user", "--scale", "--password", "--dbname", "--format"})
_NAMED = frozenset({"up", "stop", "run", "exec", "restart", "logs", "rm"})


def commands(page: Path) -> Iterator[list[str]]:
    """Each command of a page, as the shell would split it, without what stands before and behind it."""
    text = page.read_text("utf-8")
    blocks = [block.replace("\\\n", " ") for block in _BLOCK.findall(text)]
    lines = [line for block in blocks for line in block.splitlines()]
    for line in [*lines, *_CODE.findall(_BLOCK.sub("", text))]:
        for part in re.split(r"&&|\||;|,? then | and ", re.split(r"\s#\s|[<>]", line)[0]):
            try:
                words = [word for word in shlex.split(part) if not re.match(r"[A-Z_]+=", word)]
            except ValueError:
                continue
            if words:
                yield words


def told(program: str, *, of: list[Path] | None = None) -> list[tuple[str, list[str]]]:
    return [
        (str(page.relative_to(PROJECT)), words)
        for page in of or _PAGES
        for words in commands(page)
        if " ".join(words).startswith(program)
    ]


def wrong_in(words: list[str]) -> Iterator[str]:
    """What a `docker compose` command names and there is not, or does not name: there is no file where one begins."""
    rest, verb, services = words[2:], "", []
    if rest and "-f" not in rest:
        yield "no -f, with the file"
    while rest:
        word = rest.pop(0)
        if word in _VALUED:
            value = rest.pop(0)
            if word in ("-f", "--env-file") and not (PROJECT / value).is_file():
                yield f"no file {value}"
            if word == "--scale":
                services.append(value.partition("=")[0])
        elif not word.startswith("-"):
            if not verb:
                verb = word
            elif verb in ("run", "exec"):
                services.append(word)
                break
            else:
                services.append(word)
    if verb in _NAMED:
        yield from (f"no service {name}" for name in services if name not in {**_SERVICES, **_WATCHERS})


def test_compose_commands_name_services_and_files_that_there_are() -> None:
    found = told("docker compose")
    assert len(found) > 15
    assert [(page, fault) for page, words in found for fault in wrong_in(words)] == []


def test_targets_of_make_are_there() -> None:
    found = told("make ")
    assert len(found) > 10
    assert [(page, words) for page, words in found if words[1] not in _TARGETS] == []


def test_kubectl_is_given_folders_that_are_there() -> None:
    folders = [words[words.index("-k") + 1] for _, words in told("kubectl") if "-k" in words]
    assert len(folders) >= 3
    assert [folder for folder in folders if not (PROJECT / folder / "kustomization.yaml").is_file()] == []


def test_kubectl_names_deployments_that_there_are() -> None:
    named = {word for _, words in told("kubectl") for word in words if re.fullmatch(r"deployment/[a-z-]+", word)}
    assert "deployment/ev-engine-worker" in named
    assert [one for one in named if not (PROJECT / f"compose/k8s/base/{one.rpartition('/')[2]}.yaml").is_file()] == []


def test_processes_are_ones_that_there_are() -> None:
    scaled = [word for _, words in told("bet-intel cluster scale") for word in words[3:] if "." in word]
    assert scaled
    assert [word for word in scaled if word.partition("=")[0] not in KINDS] == []


def test_each_phase_of_the_plan_has_its_command() -> None:
    page = PROJECT / "docs/operations/runbooks/phases.md"
    rows = [row.split(" | ") for row in page.read_text("utf-8").splitlines() if re.match(r"\| \d ", row)]
    assert [any(phase in row[0] for row in rows) for phase in _PHASES] == [True] * len(_PHASES)
    assert all("`" in row[-1] for row in rows)


@pytest.mark.parametrize(
    "page",
    [
        "install",
        "upgrade",
        "backup",
        "kubernetes-restore",
        "failover",
        "kubernetes-failover",
        "rotate-secrets",
        "dead-letters",
        "add-provider",
        "scale",
        "phases",
    ],
)
def test_every_occasion_has_a_page_that_the_list_names(page: str) -> None:
    folder = PROJECT / "docs/operations/runbooks"
    assert (folder / f"{page}.md").is_file()
    assert f"({page}.md)" in (folder / "README.md").read_text("utf-8")
