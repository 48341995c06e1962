"""Checks every file that the system is deployed with: `python -m deploy [CHECK…]`, by `make check-deploy`."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy import (
    broker,
    cache,
    collecting,
    composing,
    images,
    kubernetes,
    observability,
    provisioning,
    proxy,
    shell,
    three_hosts,
)
from deploy.faults import PROJECT, CannotTellError, Check

CHECKS = (
    Check("images", images.dockerfiles),
    Check("compose", composing.compose),
    Check("hosts", three_hosts.three_hosts),
    Check("nginx", proxy.nginx),
    Check("scripts", shell.scripts),
    Check("rabbitmq", broker.rabbitmq),
    Check("redis", cache.redis),
    Check("files", kubernetes.files),
    Check("kubernetes", kubernetes.kubernetes),
    Check("policy", kubernetes.policy),
    Check("prometheus", observability.prometheus),
    Check("alertmanager", observability.alertmanager),
    Check("dashboards", observability.grafana),
    Check("provisioning", provisioning.provisioning),
    Check("metrics", observability.metrics),
    Check("labels", observability.named_labels),
    Check("collector", collecting.collector),
)


CANNOT_TELL = 2
"""The exit code where what a check needs is not there."""


def main(chosen: set[str], root: Path = PROJECT) -> int:
    """Look at the files below `root`, the project's or a copy, by the chosen checks or by all, and print what is wrong.

    Returns the exit code: 0 all is right, 1 something is wrong, 2 a check could not tell, for what it needs is not
    there.
    """
    unknown = chosen - {check.name for check in CHECKS}
    if unknown:
        print(f"there is no check {', '.join(sorted(unknown))}: {', '.join(check.name for check in CHECKS)}")
        return CANNOT_TELL
    checks = [check for check in CHECKS if not chosen or check.name in chosen]
    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(lambda check: _looked(check, root), checks))
    return max(codes)


def _looked(check: Check, root: Path) -> int:
    try:
        faults, code = list(check.look(root)), 1
    except CannotTellError as error:
        faults, code = [str(error)], CANNOT_TELL
    # At once, so that what two of them say is not mixed.
    print("\n".join([f"== {check.name}{'' if faults else ': ok'}", *faults]))
    return code if faults else 0


if __name__ == "__main__":
    sys.exit(main(set(sys.argv[1:])))
