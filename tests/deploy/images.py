"""Checks of the images' recipes."""

import re
from collections.abc import Sequence
from pathlib import Path

from deploy.faults import TOOLS, faults

_SERVICES = ("api", "ev-engine", "notifier", "odds-ingest")
# What each image's process answers as long as it is well, and what a thread beside it would answer all the same.
_HEALTH = {"api": ":8000/livez"}
_OTHERS_HEALTH = ":9100/health"
# What a label of the image says of the build, by an argument of the same name in capitals.
_BUILT = ("version", "revision")
_USER = re.compile(r"^USER (\d+):\d+$", re.MULTILINE)


def dockerfiles(root: Path) -> Sequence[str]:
    """Every service has one that the linter accepts, whose last stage runs as nobody in particular and says when it is
    well."""
    wrong = []
    for service in _SERVICES:
        file = root / "services" / service / "Dockerfile"
        if not file.is_file():
            wrong.append(f"{service} has no Dockerfile")
            continue
        wrong += faults(TOOLS / "hadolint", file)
        stages = file.read_text("utf-8").split("\nFROM ")
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
