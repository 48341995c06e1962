"""Checks of the overlays for Kubernetes: what kustomize makes of them, held against the schemas of every kind."""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from deploy.custom_resources import schema_faults
from deploy.faults import TOOLS, ran
from deploy.known_settings import unknown
from deploy.kubernetes_entry import entered
from deploy.kubernetes_files import made
from deploy.kubernetes_page import told
from deploy.kubernetes_plan import autoscaler, connections, sizes
from deploy.kubernetes_pods import as_called
from deploy.kubernetes_scaling import scaled, servers
from deploy.kubernetes_security import restricted
from deploy.kubernetes_wiring import wired

Objects = Sequence[dict[str, Any]]

_K8S = "compose/k8s"
_OVERLAYS = f"{_K8S}/overlays"
_BEFORE = f"{_K8S}/prerequisites"
_RESTORE = "docs/operations/runbooks/kubernetes-restore.md"
_CORE = re.compile(r"^(v1|apps/v1|batch/v1|autoscaling/v2|policy/v1|networking\.k8s\.io/v1)$")
# To try things out: no operator of KEDA's, and servers without replicas.
_SMALL = frozenset({"dev"})
# The safe one written in C reads an overlay in a tenth of the time; it is not in every build of PyYAML.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Each with its reason: what an overlay of an example cannot have.
_SKIPPED = {
    "CKV_K8S_43": "images are named by version; the digest is the operator's, of his registry",
}


def files(root: Path) -> Sequence[str]:
    """What is made from code is what lies there."""
    return [
        f"{path} is not what the code makes: make deploy-files"
        for path, text in made(root).items()
        if not (root / path).is_file() or (root / path).read_text("utf-8") != text
    ]


def kubernetes(root: Path) -> Sequence[str]:
    """Every overlay is built; every object keeps its kind's schema, and so does what is made before; what the plan says
    holds."""
    return list(_faults(root, _validated))


def departures(root: Path) -> Sequence[str]:
    """What `kubernetes` finds by itself: all but the schemas of Kubernetes' own kinds, whose tool takes ten times as
    long as the rest."""
    return list(_faults(root, lambda _: iter(())))


def _faults(root: Path, validated: Callable[[Objects], Iterator[str]]) -> Iterator[str]:
    for overlay in sorted((root / _OVERLAYS).iterdir()):
        try:
            objects = _objects(built(overlay))
        except ValueError as error:
            yield f"{overlay.name}: {error}"
            continue
        for fault in (
            *_custom(objects),
            *_promises(objects),
            *_settings(objects),
            *sizes(objects),
            *connections(objects),
            *entered(root, objects),
            *_archives(root, objects),
            *restricted(objects),
            *wired(root, objects),
            *told(root, overlay.name, objects),
            *as_called(root, objects),
            *(() if overlay.name in _SMALL else (*scaled(root, objects), *servers(objects))),
            *validated(objects),
        ):
            yield f"{overlay.name}: {fault}"
    yield from (f"restored: {fault}" for fault in _restored(root))
    before = [one for file in sorted((root / _BEFORE).glob("*.yaml")) for one in _objects(file.read_text("utf-8"))]
    yield from (f"prerequisites: {fault}" for fault in _custom(before))
    yield from autoscaler(root)


def policy(root: Path) -> Sequence[str]:
    """What checkov has to say of the rendered overlays."""
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for overlay in sorted((root / _OVERLAYS).iterdir()):
            try:
                (Path(folder) / f"{overlay.name}.yaml").write_text(built(overlay), "utf-8")
            except ValueError as error:
                return [str(error)]
        code, said = ran(
            *(TOOLS / "checkov", "--directory", folder, "--framework", "kubernetes", "--skip-download", "--quiet"),
            *("--compact", "--skip-check", ",".join(_SKIPPED), "--output", "cli"),
        )
        if code:
            wrong.append(said.strip())
    return wrong


def built(folder: Path) -> str:
    """What kustomize makes of a folder.

    Raises:
        ValueError: it cannot; the message says why.
        CannotTellError: it is not installed.
    """
    code, said = ran(shutil.which("kubectl") or str(TOOLS / "kubectl"), "kustomize", folder)
    if code:
        raise ValueError(said.strip())
    return said


def _restored(root: Path) -> Iterator[str]:
    """What `prod` is after a restore, by what the page has typed: PostgreSQL comes from its archive, and goes on in it
    under another name."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(root / _K8S, Path(folder) / _K8S)
        for command in re.findall(r"^ {4}(sed .*)$", (root / _RESTORE).read_text("utf-8"), re.MULTILINE):
            yield from ran("bash", "-c", command, cwd=Path(folder))[1].splitlines()
        try:
            objects = _objects(built(Path(folder) / _OVERLAYS / "prod"))
        except ValueError as error:
            yield str(error)
            return
    if not any("recovery" in one["spec"]["bootstrap"] for one in objects if one["kind"] == "Cluster"):
        yield f"PostgreSQL does not come from its archive by what {_RESTORE} has typed"
    yield from (*_custom(objects), *_archives(root, objects))


def _objects(text: str) -> list[dict[str, Any]]:
    return list(yaml.load_all(text, _Loader))


def _custom(objects: Objects) -> Iterator[str]:
    yield from (fault for one in objects if not _CORE.match(one["apiVersion"]) for fault in schema_faults(one))


def _validated(objects: Objects) -> Iterator[str]:
    core = [one for one in objects if _CORE.match(one["apiVersion"])]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        yaml.safe_dump_all(core, file)
        file.flush()
        code, said = ran(TOOLS / "kubernetes-validate", "--strict", file.name)
    if code or "ERROR" in said:
        yield said.strip()


def _promises(objects: Objects) -> Iterator[str]:
    scaled = [
        one["spec"]["scaleTargetRef"]["name"]
        for one in objects
        if one["kind"] in ("HorizontalPodAutoscaler", "ScaledObject")
    ]
    yield from (f"{name} has two autoscalers" for name in {name for name in scaled if scaled.count(name) > 1})
    deployments = {one["metadata"]["name"]: one["spec"] for one in objects if one["kind"] == "Deployment"}
    yield from (f"{name} is scaled, and is not there" for name in scaled if name not in deployments)
    protected = {one["metadata"]["name"] for one in objects if one["kind"] == "PodDisruptionBudget"}
    for name, spec in deployments.items():
        if name in scaled and "replicas" in spec:
            yield f"{name} says how many it is, and so does its autoscaler"
        if name not in protected:
            yield f"{name} has no PodDisruptionBudget"
        yield from (f"{name}: {fault}" for fault in _probes(name, spec["template"]["spec"]))


def _settings(objects: Objects) -> Iterator[str]:
    """Variables that nobody reads, of Deployments, Jobs and the maps of settings."""
    for one in objects:
        name = one["metadata"]["name"]
        if one["kind"] == "ConfigMap" and "-settings-" in name:
            given, service = list(one["data"]), name.partition("-settings-")[0]
        elif one["kind"] in ("Deployment", "Job") and name != "redis-create":
            pod = one["spec"]["template"]
            given = [variable["name"] for variable in pod["spec"]["containers"][0]["env"]]
            service = pod["metadata"]["labels"]["app.kubernetes.io/name"]
        else:
            continue
        yield from (f"{name} has {variable}, which nobody reads" for variable in unknown(service, given))


def _archives(root: Path, objects: Objects) -> Iterator[str]:
    """PostgreSQL archives into an ObjectStore that is made before, and under no name that it recovers from."""
    stores = {
        one["metadata"]["name"]
        for file in (root / _BEFORE).glob("*.yaml")
        for one in _objects(file.read_text("utf-8"))
        if one["kind"] == "ObjectStore"
    }
    for one in objects:
        if one["kind"] != "Cluster":
            continue
        name, spec = one["metadata"]["name"], one["spec"]
        sources = [source["plugin"]["parameters"] for source in spec.get("externalClusters", ())]
        targets = [plugin["parameters"] for plugin in spec.get("plugins", ())]
        for parameters in (*sources, *targets):
            if parameters["barmanObjectName"] not in stores:
                yield f"{name}: {_BEFORE} has no ObjectStore {parameters['barmanObjectName']}"
        for source in sources:
            if source.get("serverName", name) in [target.get("serverName", name) for target in targets]:
                yield f"{name} archives under the name that it recovers from"


def _probes(name: str, pod: dict[str, Any]) -> Iterator[str]:
    container = pod["containers"][0]
    alive, ready = ("/livez", "/readyz") if name == "api-serve" else ("/health", "/ready")
    for probe, path in (("startupProbe", alive), ("readinessProbe", ready), ("livenessProbe", alive)):
        found = container.get(probe, {}).get("httpGet", {}).get("path")
        if found != path:
            yield f"{probe} asks {found}, not {path}"
    for probe, wanted in (("readinessProbe", (10, 5)), ("livenessProbe", (30, 10))):
        found = container.get(probe, {})
        if (found.get("periodSeconds"), found.get("timeoutSeconds")) != wanted:
            yield f"{probe} is not every {wanted[0]} s with {wanted[1]} s"
    if "topologySpreadConstraints" not in pod:
        yield "is not spread over hosts"
