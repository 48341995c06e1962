"""Every command of README's section "Run it for real" is run, or rendered as far as that goes without an engine: what
Docker is told is what Compose makes of the very options, what Kubernetes is, what kustomize builds of the very folder.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bet_intel.compose.cluster.services import KINDS
from deploy.composing import rendered
from deploy.faults import PROJECT, CannotTellError
from deploy.kubernetes import built
from fixtures.deploy_tools import missing

_SECTION = (PROJECT / "README.md").read_text("utf-8").split("## Run it for real\n")[1].split("\n## ")[0]
COMMANDS = [line.strip() for line in _SECTION.splitlines() if line.startswith("    ")]
TARGETS = re.findall(r"`make ([a-z-]+)`", _SECTION)
_STARTED = {"up": {"-d", "--build"}}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What somebody has who has just got the project: nothing that is made or set beside it."""
    root = tmp_path_factory.mktemp("checkout")
    for folder in ("compose", "services", "scripts"):
        unmade = shutil.ignore_patterns("secrets", "*.env", "__pycache__", "*.py")
        shutil.copytree(PROJECT / folder, root / folder, ignore=unmade)
    shutil.copytree(PROJECT / "compose/hosts", root / "compose/hosts", dirs_exist_ok=True)
    shutil.copy(PROJECT / "Makefile", root)
    return root


def rehearse(command: str, root: Path) -> Any:
    """Run it, or have rendered what it would act on; returns that.

    Raises:
        ValueError: it is refused, or nobody here knows how to rehearse it.
    """
    match shlex.split(command):
        case ["compose/secrets.sh", *options]:
            subprocess.run([root / "compose/secrets.sh", *options], check=True, cwd=root)
            return root / "compose/secrets"
        case ["docker", "compose", *words]:
            verb = next(index for index, word in enumerate(words) if word in _STARTED)
            if unknown := set(words[verb + 1 :]) - _STARTED[words[verb]]:
                raise ValueError(f"{command}: nobody knows what comes of {unknown}")
            return rendered(root, *words[:verb])
        case ["kubectl", "apply", "-k", folder]:
            return built(root / folder)
    raise ValueError(f"{command} is neither run nor rendered")


@pytest.fixture(scope="module")
def results(checkout: Path, tools: Path) -> dict[str, Any]:
    """Of each command, one after the other as a reader would."""
    assert tools.is_dir()
    try:
        return {command: rehearse(command, checkout) for command in COMMANDS}
    except CannotTellError as error:
        missing(str(error))


def test_the_section_tells_every_way_to_run_it(results: dict[str, Any]) -> None:
    assert [command.split()[0] for command in results] == ["compose/secrets.sh", "docker", "docker", "kubectl"]


def test_secrets_are_made_once_for_the_operator_alone(checkout: Path, results: dict[str, Any]) -> None:
    folder: Path = results[COMMANDS[0]]
    assert folder.stat().st_mode & 0o777 == 0o700
    before = {file: file.read_bytes() for file in folder.iterdir()}
    rehearse(COMMANDS[0], checkout)
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.startswith("docker")])
def test_docker_finds_every_file_that_it_is_told_of(checkout: Path, results: dict[str, Any], command: str) -> None:
    project = results[command]
    secrets = [Path(one["file"]) for one in project["secrets"].values()]
    assert len(secrets) > 20
    assert [file for file in secrets if not file.is_file() or not file.read_bytes()] == []
    assert [file for file in _mounted(project) if file.is_relative_to(checkout) and not file.exists()] == []
    builds = [one["build"] for one in project["services"].values() if "build" in one]
    assert {Path(one["context"]) for one in builds} == {checkout}
    assert [one for one in builds if not (checkout / one["dockerfile"]).is_file()] == []


def _mounted(project: dict[str, Any]) -> Iterator[Path]:
    for one in project["services"].values():
        yield from (Path(each["source"]) for each in one.get("volumes", ()) if each["type"] == "bind")


def test_docker_starts_every_process_and_all_servers(results: dict[str, Any]) -> None:
    main, watched = (results[one]["services"] for one in COMMANDS if one.startswith("docker"))
    processes = {f"{one['image'].split('/')[1].split(':')[0]}.{one['command'][0]}": one for one in _ours(main)}
    wanted = {name: kind.number for name, kind in KINDS.items()}
    assert {name: processes[name]["deploy"].get("replicas", 1) for name in wanted} == wanted
    servers = [
        f"{kind}-{number}"
        for kind, most in (("postgres", 3), ("rabbitmq", 3), ("redis", 6))
        for number in range(1, most + 1)
    ]
    assert [name for name in [*servers, "nginx"] if name not in main] == []
    assert {"prometheus", "alertmanager", "grafana"} <= watched.keys() - main.keys()
    assert "otel-collector" not in watched


def _ours(services: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (one for one in services.values() if one.get("image", "").startswith("bet-intel/"))


def test_kubernetes_is_given_every_process_and_what_it_needs(results: dict[str, Any]) -> None:
    objects = list(yaml.safe_load_all(results[COMMANDS[-1]]))
    of_kind: dict[str, set[str]] = {}
    for one in objects:
        of_kind.setdefault(one["kind"], set()).add(one["metadata"]["name"])
    assert of_kind["Deployment"] == {name.replace(".", "-") for name in KINDS}
    assert of_kind["Job"] >= {f"{name.partition('.')[0]}-migrate" for name in KINDS}
    assert {"Cluster", "RabbitmqCluster", "StatefulSet", "ScaledObject", "NetworkPolicy", "PrometheusRule"} <= set(
        of_kind
    )


@pytest.mark.parametrize("target", TARGETS)
def test_targets_of_make_start_scripts_that_are_there(checkout: Path, target: str) -> None:
    said = subprocess.run(
        ["make", "--dry-run", target], cwd=checkout, check=True, capture_output=True, text=True
    ).stdout
    started = re.findall(r"^scripts/\S+", said, re.MULTILINE)
    assert started
    assert [one for one in started if not os.access(checkout / one, os.X_OK)] == []


@pytest.mark.parametrize("command", ["helm install bet-intel", "docker compose -f compose/compose.yaml up --dryrun"])
def test_a_command_that_cannot_be_rehearsed_is_no_command_of_the_section(checkout: Path, command: str) -> None:
    with pytest.raises(ValueError, match=r"nobody knows|neither run nor rendered"):
        rehearse(command, checkout)
