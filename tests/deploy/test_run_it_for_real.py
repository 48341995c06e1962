"""The commands of README's section "Run it for real" are run, or rendered as far as that goes without an engine."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.composing import configuration
from deploy.faults import PROJECT, CannotTellError


def commands() -> list[str]:
    section = (PROJECT / "README.md").read_text("utf-8").split("## Run it for real\n")[1].split("\n## ")[0]
    return [line.strip() for line in section.splitlines() if line.startswith("    ")]


def test_secrets_are_made_for_every_file_that_compose_reads(tmp_path: Path) -> None:
    assert commands()[0] == "compose/secrets.sh"
    shutil.copytree(PROJECT / "compose", tmp_path / "compose", ignore=shutil.ignore_patterns("secrets", "*.py"))

    subprocess.run([tmp_path / "compose/secrets.sh"], check=True)

    try:
        wanted = configuration(tmp_path, "compose/compose.observability.yaml")["secrets"]
    except CannotTellError as error:
        pytest.skip(str(error))
    files = [Path(one["file"]) for one in wanted.values()]
    assert len(files) > 20
    assert [file for file in files if not file.is_file() or not file.read_bytes()] == []
    assert (tmp_path / "compose/secrets").stat().st_mode & 0o777 == 0o700
    before = {file: file.read_bytes() for file in files}
    subprocess.run([tmp_path / "compose/secrets.sh"], check=True)
    assert {file: file.read_bytes() for file in files} == before


def test_what_is_started_is_what_is_checked() -> None:
    _, *others = commands()
    started = [re.findall(r"-f (\S+)", command) for command in others if command.startswith("docker compose")]
    assert started == [["compose/compose.yaml"], ["compose/compose.yaml", "compose/compose.observability.yaml"]]
    [applied] = [command for command in others if command.startswith("kubectl")]
    assert applied == "kubectl apply -k compose/k8s/overlays/prod"
    assert (PROJECT / "compose/k8s/overlays/prod/kustomization.yaml").is_file()
    assert len(others) == len(started) + 1
