"""Whether the dashboards show what the scaling plan wants to see: a panel that is gone is missed by nobody else, for
files and the code that makes them agree."""

import json
from collections.abc import Iterator
from pathlib import Path

from bet_intel.compose.observability.catalogue import Catalogue
from deploy import plan
from deploy.promql import LabelError, labels, series

_FOLDER = "compose/grafana/dashboards"
_OF_A_TARGET = frozenset({"instance", "job"})


def unshown(root: Path, catalogue: Catalogue) -> Iterator[str]:
    for name, wanted in plan.PANELS.items():
        file = root / _FOLDER / f"{name}.json"
        panels = json.loads(file.read_text("utf-8"))["panels"] if file.exists() else []
        expressions = [target["expr"] for panel in panels for target in panel["targets"]]
        for one in wanted:
            if not any(_shows(expression, one, catalogue) for expression in expressions):
                yield f"{_FOLDER}/{name}.json: no panel of {one}"


def _shows(expression: str, wanted: plan.Shown, catalogue: Catalogue) -> bool:
    def known(name: str) -> frozenset[str]:
        # What a rule records for all together has none.
        return (catalogue.labels(name) or frozenset()) | _OF_A_TARGET if catalogue.has(name) else frozenset()

    if wanted.series not in series(expression) or wanted.how not in expression:
        return False
    try:
        has = labels(expression, known)
    except LabelError:
        return False
    return has >= wanted.by if wanted.by else not has
