"""Checks of what watches the system: Prometheus, Alertmanager, Grafana's dashboards."""

import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from bet_intel.compose.cluster.services import KINDS
from bet_intel.compose.observability import dashboards
from bet_intel.compose.observability.catalogue import Catalogue
from deploy import plan, telling
from deploy.faults import ran
from deploy.panels_plan import unshown
from deploy.promql import LabelError, comparisons, labels, missed_by, series
from deploy.scraping import scraped

_METRICS_PAGE = "docs/operations/metrics.md"
_RULES = "compose/prometheus/rules"
_TESTS = "compose/prometheus/tests"
_DASHBOARDS = "compose/grafana/dashboards"
_MONITORS = "compose/k8s/components/monitoring/service-monitors.yaml"
_OF_A_TARGET = frozenset({"instance", "job"})
_OF_THE_OPERATOR = _OF_A_TARGET | {"service", "namespace", "pod", "container", "endpoint"}
_IN_A_TEXT = re.compile(r"\$labels\.([a-z_]+)")
_IN_A_LEGEND = re.compile(r"\{\{([a-z_]+)\}\}")


def prometheus(root: Path) -> Sequence[str]:
    """Configuration, rules, and the rules' own tests; every alert is seen to fire and to end, and has its page; its
    figure is the plan's."""
    wrong = []
    for command in (
        ("promtool", "check", "config", "compose/prometheus/prometheus.yaml"),
        ("promtool", "check", "rules", *_files(root, _RULES, "*.yaml")),
        ("promtool", "test", "rules", *_files(root, _TESTS, "*.yaml")),
    ):
        code, said = ran(*command, cwd=root)
        if code or "FAILED" in said:
            wrong.append(said.strip())
    # What cannot be read promises nothing.
    return wrong or promises(root)


def promises(root: Path) -> Sequence[str]:
    """What Prometheus' own tool cannot tell: of the rules what their tests leave out, their pages, the plan's figures,
    and whom they miss; how it asks whom it is told of."""
    wrong = []
    fired, ended = _seen(root)
    for rule in _rules(root):
        if "alert" not in rule:
            continue
        if rule["alert"] not in fired:
            wrong.append(f"{rule['alert']}: no test in {_TESTS} sees it fire")
        elif rule["alert"] not in ended:
            wrong.append(f"{rule['alert']}: no test in {_TESTS} sees it end")
        if not (root / rule["annotations"].get("runbook", "none")).is_file():
            wrong.append(f"{rule['alert']}: its runbook is not there")
    return [*wrong, *_figures(root), *_unmissed(root), *scraped(root, _expressions(root))]


def _expressions(root: Path) -> Iterator[str]:
    """Of rules and of panels."""
    yield from (rule["expr"] for rule in _rules(root))
    yield from _panel_expressions(file.read_text("utf-8") for file in (root / _DASHBOARDS).glob("*.json"))


def _figures(root: Path) -> Iterator[str]:
    """The rules' tests use series that are far from a figure: what it is, the plan says."""
    asked = {rule["alert"]: comparisons(rule["expr"]) for rule in _rules(root) if "alert" in rule}
    for name, (what, sign, figure) in plan.ALERTS.items():
        if (what, sign, figure) not in asked.get(name, ()):
            yield f"{name}: the plan says {what} {sign} {figure:g}"


def _unmissed(root: Path) -> Iterator[str]:
    """Who is gone is no target, and only a rule that names it misses it: each kind of process is named."""
    expressions = [rule["expr"] for rule in _rules(root) if rule.get("alert") == "ProcessMissing"]
    missed = {frozenset(each.items()) for expression in expressions for each in missed_by(expression)}
    for kind in KINDS.values():
        if frozenset({("service", kind.service), ("process", kind.type)}) not in missed:
            yield f"ProcessMissing: does not miss {kind.name}"


def _seen(root: Path) -> tuple[set[str], set[str]]:
    """The alerts that a test sees fire, and those that it sees end after that."""
    fired: set[str] = set()
    ended: set[str] = set()
    for file in _files(root, _TESTS, "*.yaml"):
        for test in _yaml(root / file)["tests"]:
            firing: set[str] = set()
            for one in sorted(test.get("alert_rule_test", ()), key=lambda one: int(one["eval_time"].removesuffix("m"))):
                name = one["alertname"]
                if one.get("exp_alerts"):
                    firing.add(name)
                elif name in firing:
                    ended.add(name)
            fired |= firing
    return fired, ended


def alertmanager(root: Path) -> Sequence[str]:
    """Configuration, that somebody is told, and that what it silences exists."""
    code, said = ran("amtool", "check-config", root / telling.FILE)
    wrong = [said.strip()] if code else [*telling.told(root)]
    known = {rule["alert"] for rule in _rules(root) if "alert" in rule}
    text = (root / telling.FILE).read_text("utf-8")
    for names in re.findall(r'alertname=~?"([^"]*)"', text):
        wrong += [f"alertmanager.yaml: there is no alert {name}" for name in names.split("|") if name not in known]
    return wrong


def grafana(root: Path) -> Sequence[str]:
    """The files are those of the code, show what the plan wants to see, and Prometheus can read every expression."""
    with tempfile.TemporaryDirectory() as made:
        dashboards.write(Path(made))
        wanted = {file.name: file.read_text("utf-8") for file in Path(made).glob("*.json")}
    found = {file.name: file.read_text("utf-8") for file in (root / _DASHBOARDS).glob("*.json")}
    wrong = [
        f"{_DASHBOARDS}/{name} is not what the code makes: make deploy-files"
        for name in wanted.keys() | found.keys()
        if wanted.get(name) != found.get(name)
    ]
    rules = [
        {"record": f"panel:{number}", "expr": expression}
        for number, expression in enumerate(_panel_expressions(found.values()))
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}, file)
        file.flush()
        code, said = ran("promtool", "check", "rules", file.name)
    # What cannot be read shows nothing.
    return [*wrong, said.strip()] if code else [*wrong, *unshown(root, Catalogue.read(root / _METRICS_PAGE))]


def metrics(root: Path) -> Sequence[str]:
    """Every series that a panel or a rule asks for is one that docs/operations/metrics.md lists, or a rule records."""
    catalogue = Catalogue.read(root / _METRICS_PAGE)
    rules = _rules(root)
    recorded = {rule["record"] for rule in rules if "record" in rule}
    texts = [file.read_text("utf-8") for file in (root / _DASHBOARDS).glob("*.json")]
    asked = {name for expression in _panel_expressions(texts) for name in series(expression)}
    asked |= {name for rule in rules for name in series(rule["expr"])}
    return [
        f"{name}: asked for, and not in {_METRICS_PAGE}"
        for name in sorted(asked)
        if name not in recorded and not catalogue.has(name)
    ]


def named_labels(root: Path) -> Sequence[str]:
    """Every label that a panel, a rule, or the text of either names is one that its series have; those that Prometheus
    gives of its own take none of theirs away."""
    catalogue = Catalogue.read(root / _METRICS_PAGE)
    rules = _rules(root)
    recorded: dict[str, frozenset[str]] = {}
    wrong: list[str] = []

    def known(name: str) -> frozenset[str] | None:
        has = recorded.get(name)
        exposed = catalogue.labels(name)
        return has if has is not None else None if exposed is None else exposed | _OF_A_TARGET

    # What is recorded first: alerts and panels ask for it.
    for rule in sorted(rules, key=lambda rule: "alert" in rule):
        name = rule.get("record") or rule["alert"]
        try:
            has = labels(rule["expr"], known)
        except LabelError as error:
            wrong.append(f"{name}: {error}")
            continue
        if "record" in rule:
            recorded[name] = has
        texts = " ".join(rule.get("annotations", {}).values())
        wrong += [f"{name}: its text has no label {one}" for one in sorted(set(_IN_A_TEXT.findall(texts)) - has)]
    for file in sorted((root / _DASHBOARDS).glob("*.json")):
        for title, target in _targets(file.read_text("utf-8")):
            try:
                has = labels(target["expr"], known)
            except LabelError as error:
                wrong.append(f"{file.name}: {title}: {error}")
                continue
            missing = sorted(set(_IN_A_LEGEND.findall(target["legendFormat"])) - has)
            wrong += [f"{file.name}: {title}: its legend has no label {one}" for one in missing]
    return [*wrong, *_kept(root, catalogue)]


def _kept(root: Path, catalogue: Catalogue) -> Iterator[str]:
    """The Prometheus operator names what it scrapes by labels that ours have too: ours are to stay."""
    ours = {label for one in catalogue.own.values() for label in one.labels} & _OF_THE_OPERATOR
    for one in yaml.safe_load_all((root / _MONITORS).read_text("utf-8")):
        if (one["kind"], one["metadata"]["name"]) == ("ServiceMonitor", "bet-intel") and ours:
            yield from (
                f"service-monitors.yaml: without honorLabels {', '.join(sorted(ours))} is the operator's, not ours"
                for endpoint in one["spec"]["endpoints"]
                if not endpoint.get("honorLabels")
            )


def _files(root: Path, folder: str, pattern: str) -> list[str]:
    return sorted(str(file.relative_to(root)) for file in (root / folder).glob(pattern))


def _yaml(file: Path) -> Any:
    return yaml.safe_load(file.read_text("utf-8"))


def _rules(root: Path) -> list[dict[str, Any]]:
    return [
        rule
        for file in _files(root, _RULES, "*.yaml")
        for group in _yaml(root / file)["groups"]
        for rule in group["rules"]
    ]


def _panel_expressions(texts: Iterable[str]) -> Iterator[str]:
    yield from (target["expr"] for text in texts for _, target in _targets(text))


def _targets(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each panel's title with each of its queries."""
    for panel in json.loads(text)["panels"]:
        yield from ((panel["title"], target) for target in panel["targets"])
