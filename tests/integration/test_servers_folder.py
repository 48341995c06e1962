"""Servers live as long as somebody uses their folder, and not longer, whoever is killed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bet_intel.compose.cli import run
from bet_intel.compose.cluster import control
from bet_intel.compose.cluster.engines import SMALL, Engines
from bet_intel.compose.servers.folder import KEEPER, PREFIX, ServersFolder, is_gone, sweep
from bet_intel.compose.servers.ports import free_ports
from bet_intel.compose.servers.postgres_state import PostgresState
from bet_intel.compose.servers.processes import Process, ServerError
from bet_intel.compose.servers.programs import NGINX, POSTGRESQL, RABBITMQ, REDIS, Program, require
from bet_intel.compose.servers.rabbitmq import RabbitState
from bet_intel.compose.servers.redis import RedisCluster
from fixtures.servers import need
from fixtures.waiting import until

pytestmark = pytest.mark.integration

START = """
import sys
from pathlib import Path
from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.compose.servers.redis import RedisCluster

with ServersFolder.use(Path(sys.argv[1])) as folder:
    redis = RedisCluster.start(folder, masters=1, replicas=0)
    print(redis.pid(redis.nodes[0]), flush=True)
    sys.stdin.read()
"""


class User:
    """A process that has started a Redis in a folder and goes on using it."""

    def __init__(self, folder: Path) -> None:
        need(REDIS)
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.redis = int(self.process.stdout.readline())

    def leave(self) -> None:
        self.process.communicate(timeout=60)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)

    def redis_runs(self) -> bool:
        return runs(self.redis)


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def path(open_folder: Path) -> Iterator[Path]:
    folder = open_folder / f"{PREFIX}test"
    yield folder
    assert is_gone(folder)


def test_who_leaves_last_ends_the_servers(path: Path) -> None:
    first, second = User(path), User(path)
    assert first.redis == second.redis
    first.leave()
    assert second.redis_runs()

    second.leave()

    assert not second.redis_runs()
    assert is_gone(path)


async def test_the_keeper_ends_the_servers_of_a_killed_user(path: Path) -> None:
    user = User(path)

    user.kill()

    await until(lambda: not user.redis_runs() and is_gone(path))


async def test_the_next_start_ends_what_a_killed_user_and_its_killed_keeper_left(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = User(path)
    keeper = int((path / KEEPER).read_text())
    os.kill(keeper, signal.SIGKILL)
    await until(lambda: not runs(keeper))
    user.kill()
    assert user.redis_runs()
    monkeypatch.setattr("tempfile.tempdir", str(path.parent))

    sweep()

    assert not user.redis_runs()


def test_servers_in_use_are_left_alone_by_the_next_start(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = User(path)
    monkeypatch.setattr("tempfile.tempdir", str(path.parent))

    sweep()

    assert user.redis_runs()
    user.leave()


def test_a_failed_start_is_told_to_all_users(path: Path) -> None:
    need(REDIS)
    with ServersFolder.use(path) as folder:
        with pytest.raises(ServerError, match="of two masters"):
            RedisCluster.start(folder, masters=2)
        with pytest.raises(ServerError, match="of two masters"):
            RedisCluster.start(folder, masters=3)


def test_passwords_are_for_nobody_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need(POSTGRESQL, RABBITMQ, REDIS)
    started: list[str] = []
    popen = subprocess.Popen.__init__

    def noted(self: subprocess.Popen[bytes], arguments: list[str], *others: Any, **named: Any) -> None:
        started.extend(map(str, arguments))
        popen(self, arguments, *others, **named)

    # Also of what ends so soon that no look at /proc would find it.
    monkeypatch.setattr(subprocess.Popen, "__init__", noted)
    with ServersFolder.use(path) as folder:
        engines = Engines.start(folder, SMALL)
        redis = engines.redis
        postgres, rabbitmq = folder.read("postgres", PostgresState), folder.read("rabbitmq", RabbitState)
        assert postgres is not None
        assert rabbitmq is not None
        secrets = (redis.password, postgres.password, rabbitmq.password, rabbitmq.cookie)
        readable = {
            file
            for file in path.rglob("*")
            if file.is_file()
            and file.stat().st_mode & 0o077
            and any(secret in file.read_text(errors="replace") for secret in secrets)
        }
        started += [command_line(one.pid) for one in Process.all()]
        refused = subprocess.run(
            ["redis-cli", "-e", "-p", str(redis.nodes[0].port), "ping"], capture_output=True, check=False
        )
    assert readable == set()
    assert {"initdb", "rabbitmq-server", "redis-server"} <= {Path(word).name for word in started}
    assert [one for one in started if any(secret in one for secret in secrets)] == []
    assert b"NOAUTH" in refused.stdout + refused.stderr


def test_a_server_that_cannot_start_says_why(path: Path) -> None:
    need(REDIS)
    with ServersFolder.use(path) as folder:
        process = folder.process("wrong")
        process.start([str(REDIS.find("redis-server")), "--bind", "nowhere.invalid", "--port", "1"])
        with pytest.raises(ServerError, match=r"wrong ended at once(.|\n)*nowhere\.invalid"):
            process.wait_until(lambda: False, 20)


def test_what_is_missing_comes_with_the_line_that_installs_it() -> None:
    one = Program("Nonesuch", "nonesuch-server", ("nonesuchd",), (), ("nonesuchd", "-v"))
    other = Program("Nada", "nada", ("nada",), (), ("nada",))
    with pytest.raises(
        ServerError, match=r"^Nonesuch, Nada are not installed: .*apt-get .* nonesuch-server nada; or, "
    ):
        require(one, other)
    with pytest.raises(ServerError, match="Nonesuch is not installed"):
        one.version()


def test_a_cluster_without_the_programs_says_how_to_get_them_or_do_without(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = Program("Nonesuch", "nonesuch-server", ("nonesuchd",), (), ("nonesuchd", "-v"))
    monkeypatch.setattr(control, "CLUSTER", (missing,))
    assert run(["cluster", "up", "--data-dir", str(path)]) == 1
    said = capsys.readouterr().err
    assert re.search(
        "^bet-intel: Nonesuch is not installed: .*apt-get .*install .* nonesuch-server; or, with Docker", said
    )
    # As the README has it, so that it can be pasted.
    lines = said.strip().rpartition("with Docker: ")[2].split(" && ")
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    assert "".join(f"    {line}\n" for line in lines) in readme
    assert not path.exists()


def test_the_newest_version_is_found(tmp_path: Path) -> None:
    for version in ("9", "15", "14"):
        program = tmp_path / version / "bin" / "postgres"
        program.parent.mkdir(parents=True)
        program.touch(0o755)
    found = Program("PostgreSQL", "postgresql", ("postgres",), (f"{tmp_path}/*/bin",), ("postgres",)).find("postgres")
    assert found == tmp_path / "15" / "bin" / "postgres"


def test_nginx_tells_its_version() -> None:
    need(NGINX)
    assert NGINX.version().startswith("1.")


def test_ports_do_not_repeat_nor_meet_their_companions() -> None:
    ports = [port for port, _ in zip(free_ports(10_000), range(50), strict=False)]
    assert len({*ports, *(port + 10_000 for port in ports)}) == 100


@pytest.mark.parametrize(("ci", "ends"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_what_is_missing_skips_at_the_desk_and_fails_in_ci(
    ci: str, ends: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(ends, match=r"Nonesuch is not installed: .* nonesuch-server"):
        need(Program("Nonesuch", "nonesuch-server", ("nonesuchd",), (), ("nonesuchd", "-v")))
