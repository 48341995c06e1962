"""What a service's image holds is enough for it: built by the Dockerfile's own commands, and started."""

import asyncio
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from bet_intel.compose.cluster.services import GATEWAY, KINDS
from bet_intel.compose.servers.ports import free_ports
from deploy.faults import PROJECT
from fixtures.image import Image, build
from fixtures.no_tls import NO_TLS
from fixtures.postgres import MakeDatabase
from fixtures.processes import Process, process
from fixtures.servers import Vhost
from fixtures.waiting import until

_SERVICES = ("api", "ev-engine", "notifier", "odds-ingest")
_OTHERS_HEALTH = "import urllib.request as r; r.urlopen('http://127.0.0.1:9100/health', timeout=2)"


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=pytest.mark.xdist_group(f"image-{name}")) for name in _SERVICES]
)
def service(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def image(service: str, tmp_path_factory: pytest.TempPathFactory) -> Image:
    return build(service, tmp_path_factory.mktemp(service))


def test_it_holds_every_file_of_its_service_and_of_the_libraries_and_no_other_service(
    service: str, image: Image
) -> None:
    wanted = {
        file
        for folder in (PROJECT / "libs/shared/bet_intel", PROJECT / "services" / service / "bet_intel")
        for file in _files(folder)
    }

    assert set(_files(image.packages / "bet_intel")) == wanted


def _files(folder: Path) -> Iterator[Path]:
    yield from (file.relative_to(folder) for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc")


def test_its_process_says_what_it_can_do(image: Image) -> None:
    done = subprocess.run(
        [image.python, *image.entrypoint[1:], "--help"],
        check=False,
        capture_output=True,
        text=True,
        cwd=image.place,
        env={"PATH": f"{image.place}/bin"},
    )

    assert done.returncode == 0, done.stderr
    assert image.command[0] in done.stdout


@pytest.mark.integration
async def test_its_tables_are_made_and_each_of_its_processes_is_well(
    service: str, image: Image, vhost: Vhost, make_database: MakeDatabase
) -> None:
    ports = free_ports()
    http, metrics, nobody = next(ports), next(ports), next(ports)
    package = image.entrypoint[-1]
    environment = {
        **image.environment,
        "PATH": f"{image.place}/bin",
        "PYTHONPATH": "",
        "BET_INTEL_BROKER_URL": vhost.url,
        "BET_INTEL_METRICS_PORT": str(metrics),
        # What traces are made with is loaded for whoever makes some.
        "BET_INTEL_TRACES_ENDPOINT": f"http://127.0.0.1:{nobody}",
        "BET_INTEL_API_PORT": str(http),
        "BET_INTEL_ODDS_INGEST_SOURCE": "simulator",
        f"BET_INTEL_{service.upper().replace('-', '_')}_DSN": await make_database(),
    }
    async with process(package, "migrate", environment, image.python) as migrating:
        assert await migrating.wait() == 0, migrating.said
    types = [kind.type for kind in KINDS.values() if kind.service == service]
    assert image.command[0] in types
    for kind in types:
        async with process(package, kind, environment, image.python) as running:
            await _is_well(running, _asks(image, kind, http, metrics))
            if kind == GATEWAY.type:
                await _shows_its_documentation(f"http://127.0.0.1:{http}")
            assert await running.stop() == 0, running.said


def _asks(image: Image, kind: str, http: int, metrics: int) -> Sequence[str]:
    """As its image does where it is the one that the image starts, else as compose says for it."""
    words = image.health if kind == image.command[0] else [*image.health[:2], _OTHERS_HEALTH]
    ours = [word.replace(":8000/", f":{http}/").replace(":9100/", f":{metrics}/") for word in words]
    assert ours != list(words)
    return [str(image.python), *ours[1:]]


async def _is_well(running: Process, asking: Sequence[str]) -> None:
    async def answers() -> bool:
        assert not running.ended(), running.said
        asked = await asyncio.create_subprocess_exec(*asking, stderr=asyncio.subprocess.DEVNULL)
        return await asked.wait() == 0

    await until(answers, timeout=60)


async def _shows_its_documentation(gateway: str) -> None:
    async with httpx.AsyncClient(base_url=gateway, trust_env=False, verify=NO_TLS, timeout=10) as client:
        answers = {path: await client.get(path) for path in ("/docs", "/docs/swagger-ui.js", "/openapi.json")}
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert "SwaggerUIBundle" in answers["/docs/swagger-ui.js"].text
