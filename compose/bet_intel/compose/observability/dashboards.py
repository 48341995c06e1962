"""Grafana's form of the dashboards: `python -m bet_intel.compose.observability.dashboards FOLDER` writes them."""

import json
import sys
from pathlib import Path
from typing import Any

from bet_intel.compose.observability.panels import DASHBOARDS, Dashboard, Panel

_SOURCE = {"type": "prometheus", "uid": "prometheus"}
_WIDTH, _HEIGHT, _COLUMNS = 12, 8, 2


def rendered(dashboard: Dashboard) -> dict[str, Any]:
    """A dashboard as Grafana reads it from a file."""
    return {
        "uid": f"bet-intel-{dashboard.name}",
        "title": f"bet-intel: {dashboard.title}",
        "tags": ["bet-intel"],
        "timezone": "utc",
        "schemaVersion": 39,
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "panels": [_panel(number, panel) for number, panel in enumerate(dashboard.panels)],
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": _SOURCE,
        "gridPos": {
            "x": number % _COLUMNS * _WIDTH,
            "y": number // _COLUMNS * _HEIGHT,
            "w": _WIDTH,
            "h": _HEIGHT,
        },
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + index), "expr": query.expression, "legendFormat": query.legend}
            for index, query in enumerate(panel.queries)
        ],
    }


def write(folder: Path) -> None:
    """Write every dashboard into `folder`, a file for each, and remove what is none any more."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.json"):
        stale.unlink()
    for dashboard in DASHBOARDS:
        text = json.dumps(rendered(dashboard), indent=2, ensure_ascii=False)
        (folder / f"{dashboard.name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
