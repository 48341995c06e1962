"""Checks every file that the system is deployed with: `python -m deploy [CHECK…]`, by `make check-deploy`."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy import composing, images, kubernetes, observability, proxy
from deploy.faults import PROJECT, CannotTellError, Check

CHECKS = (
    Check("images", images.dockerfiles),
    Check("compose", composing.compose),
    Check("nginx", proxy.nginx),
    Check("files", kubernetes.files),
    Check("kubernetes", kubernetes.kubernetes),
    Check("policy", kubernetes.policy),
    Check("prometheus", observability.prometheus),
    Check("alertmanager", observability.alertmanager),
    Check("dashboards", observability.grafana),
    Check("metrics", observability.metrics),
    Check("collector", observability.collector),
)


def main(chosen: set[str]) -> int:
    checks = [check for check in CHECKS if not chosen or check.name in chosen]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda check: _look(check, PROJECT), checks))
    for check, faults in zip(checks, found, strict=True):
        print(f"== {check.name}{'' if faults else ': ok'}")
        for fault in faults:
            print(fault)
    return 1 if any(found) else 0


def _look(check: Check, root: Path) -> list[str]:
    try:
        return list(check.look(root))
    except CannotTellError as error:
        return [str(error)]


if __name__ == "__main__":
    sys.exit(main(set(sys.argv[1:])))
