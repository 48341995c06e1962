"""What docs/operations/runbooks/upgrade.md has an operator type, typed in its order in one shell: each command works on
the new version's images, and so does what is typed in another shell later."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.composing import MAIN, program, rendered
from deploy.faults import PROJECT

_PAGE = PROJECT / "docs/operations/runbooks/upgrade.md"
_TYPED = re.compile(r"^ {4}(?P<block>\S.*)$|`(?P<code>[^`\n]*\bdocker [^`\n]+)`", re.MULTILINE)
_VERSION = re.compile(r"BET_INTEL_VERSION=([0-9.]+)")
_SECONDS = 120
_REVISION = "0123abc"
# Writes down what Compose would work on, in place of doing it.
_DOCKER = """#!/bin/sh
[ "$1" = compose ] || exit 0
shift
while [ "$1" = -f ] || [ "$1" = --env-file ]; do options="$options $1 $2"; shift 2; done
name="$TOLD/$(ls "$TOLD" | wc -l)-$1.json"
"$COMPOSE" $options --profile '*' config --format json >"$name"
"""
_GIT = f"#!/bin/sh\necho {_REVISION}\n"


@pytest.fixture
def told(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Compose would work on at each command of the page, by its number and verb."""
    programs, answers = tmp_path_factory.mktemp("programs"), tmp_path_factory.mktemp("told")
    for name, text in (("docker", _DOCKER), ("git", _GIT)):
        (programs / name).write_text(text, "utf-8")
        (programs / name).chmod(0o755)
    given = {"PATH": f"{programs}:{os.environ['PATH']}", "TOLD": str(answers), "COMPOSE": str(program())}
    typed = [found["block"] or found["code"] for found in _TYPED.finditer(_PAGE.read_text("utf-8"))]
    subprocess.run(
        ["bash", "-eu"], input="\n".join(typed), text=True, cwd=copy, env=_fresh() | given, timeout=_SECONDS, check=True
    )
    return {file.stem: json.loads(file.read_text("utf-8")) for file in answers.iterdir()}


def test_every_command_works_on_the_new_images(told: Mapping[str, Any], copy: Path) -> None:
    [version, *others] = _VERSION.findall(_PAGE.read_text("utf-8"))
    assert others == []
    assert {"build", "run", "up", "exec"} <= {name.partition("-")[2] for name in told}
    assert {command: _tags(made) for command, made in told.items()} == {command: {version} for command in told}
    # A command of another page, in another shell.
    assert _tags(rendered(copy, "-f", MAIN)) == {version}


def test_images_say_which_version_and_revision_they_are_of(told: Mapping[str, Any]) -> None:
    [version] = _VERSION.findall(_PAGE.read_text("utf-8"))
    [build] = [made for command, made in told.items() if command.endswith("-build")]
    labels = [one["build"]["args"] for one in _ours(build)]
    assert labels
    assert [one for one in labels if one != {"VERSION": version, "REVISION": _REVISION}] == []


def _ours(made: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (one for one in made["services"].values() if one["image"].startswith("bet-intel/"))


def _tags(made: Mapping[str, Any]) -> set[str]:
    return {one["image"].partition(":")[2] for one in _ours(made)}


def _fresh() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("BET_INTEL_", "COMPOSE_"))}
