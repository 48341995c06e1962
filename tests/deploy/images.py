"""Checks of the images' recipes."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from deploy.faults import TOOLS, faults

_SERVICES = ("api", "ev-engine", "notifier", "odds-ingest")
# What each image's process answers as long as it is well, and what a thread beside it would answer all the same.
_HEALTH = {"api": ":8000/livez"}
_OTHERS_HEALTH = ":9100/health"
# What a label of the image says of the build, by an argument of the same name in capitals.
_BUILT = ("version", "revision")
# What is copied before a service's own folder, and what of the context nobody copies.
_COPIED = ["pyproject.toml README.md LICENSE requirements.lock ./", "libs/shared libs/shared"]
_COPY = re.compile(r"^COPY (.+)$", re.MULTILINE)
_USER = re.compile(r"^USER (\d+):\d+$", re.MULTILINE)


def dockerfiles(root: Path) -> Sequence[str]:
    """Every service has one that the linter accepts, whose last stage runs as nobody in particular and says when it is
    well."""
    wrong = [*_ignored(root)]
    for service in _SERVICES:
        file = root / "services" / service / "Dockerfile"
        if not file.is_file():
            wrong.append(f"{service} has no Dockerfile")
            continue
        wrong += faults(TOOLS / "hadolint", file)
        stages = file.read_text("utf-8").split("\nFROM ")
        if _COPY.findall(stages[1]) != [*_COPIED, f"services/{service} services/{service}"]:
            wrong.append(f"{file.name} of {service}: copies other than the libraries and its own folder")
        if f'".[{service}]"' not in stages[1]:
            wrong.append(f"{file.name} of {service}: installs what another service needs")
        user = _USER.search(stages[-1])
        if len(stages) < 3:
            wrong.append(f"{file.name} of {service}: one stage, so that what builds it is in the image")
        if user is None or int(user[1]) == 0:
            wrong.append(f"{file.name} of {service}: runs as root")
        wrong += [
            f"{file.name} of {service}: no {needed}" for needed in ("HEALTHCHECK", "LABEL") if needed not in stages[-1]
        ]
        asked = _HEALTH.get(service, _OTHERS_HEALTH)
        if asked not in stages[-1].partition("HEALTHCHECK")[2]:
            wrong.append(f"{file.name} of {service}: its health is not asked at {asked}")
        wrong += [
            f"{file.name} of {service}: no label of its {name}"
            for name in _BUILT
            if f'org.opencontainers.image.{name}="${{{name.upper()}}}"' not in stages[-1]
        ]
    return wrong


def _ignored(root: Path) -> Iterator[str]:
    """What is sent to whoever builds is what the images are made of: secrets lie beside the compose files."""
    lines = (root / ".dockerignore").read_text("utf-8").splitlines()
    sent = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {name.partition("/")[0] for line in _COPIED for name in line.split()[:-1]} | {"services"}
    if lines[0] != "*" or sent != copied:
        yield f".dockerignore: lets {', '.join(sorted(sent ^ copied)) or 'all'} in or out otherwise than images copy"
