"""One service's database finds its disk full: its work waits, all else goes on, and room is all that it needs."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from drills.drill import Bound, Fault
from drills.namespaces import is_apart
from drills.stage import Stage

_SERVICE = "ev_engine"
_DISK = "disk"
_ROOM = 64 * 2**20
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class _Disk:
    """A small disk: `files` of the database lie on it (and where PostgreSQL looks for them), and `ballast`."""

    mounted: Path
    files: Path

    @property
    def ballast(self) -> Path:
        return self.mounted / "ballast"


def _lacks_disk() -> str | None:
    if os.geteuid() != 0:
        return "needs root, to mount a small disk"
    if not is_apart("mnt"):
        return "needs mounts of its own: run it by make drills"
    return None


def _move(stage: Stage) -> None:
    """The files of one database to a disk of their own; its write-ahead log and the other databases stay."""
    group = stage.engines.postgres
    primary = group.primary
    # Without it there would be room for a while within the files.
    group.sql(primary, "vacuum full", database=_SERVICE)
    number = group.sql(primary, f"select oid from pg_database where datname = '{_SERVICE}'")
    files = stage.folder.path / primary.name / "data/base" / number
    disk = _Disk(stage.source.parent / _DISK, files)
    disk.mounted.mkdir()
    with stage.folder.lock("servers"):
        group.stop_host(primary)
        used = int(subprocess.check_output(["du", "-sB1", str(files)]).split()[0])
        _run("mount", "-t", "tmpfs", "-o", f"size={used + _ROOM},mode=755", "tmpfs", str(disk.mounted))
        stage.notes[_DISK] = disk
        _run("cp", "-a", str(files), str(disk.mounted / "files"))
        _run("mount", "--bind", str(disk.mounted / "files"), str(files))
        group.start_host(primary)
    stage.heal()


def _fill(stage: Stage) -> None:
    disk: _Disk = stage.notes[_DISK]
    with disk.ballast.open("wb", buffering=0) as ballast:
        while shutil.disk_usage(disk.mounted).free:
            try:
                ballast.write(bytes(min(256 * _BLOCK, max(_BLOCK, shutil.disk_usage(disk.mounted).free))))
            except OSError:  # somebody was quicker to take the last of it
                break


def _make_room(stage: Stage) -> None:
    disk: _Disk = stage.notes[_DISK]
    disk.ballast.unlink()


def _move_back(stage: Stage) -> None:
    disk: _Disk | None = stage.notes.pop(_DISK, None)
    if disk is None:
        return
    group = stage.engines.postgres
    with stage.folder.lock("servers"):
        group.stop_host(group.primary)
        _run("umount", str(disk.files))
        shutil.rmtree(disk.files)
        _run("cp", "-a", str(disk.mounted / "files"), str(disk.files))
        _run("umount", str(disk.mounted))
        disk.mounted.rmdir()
        group.start_host(group.primary)


def _was_full(stage: Stage) -> list[str]:
    """Whether PostgreSQL found it full: else nothing was drilled."""
    log = stage.folder.path / "log" / f"{stage.engines.postgres.primary.name}.log"
    said = "No space left on device" in log.read_text(encoding="utf-8", errors="replace")
    return [] if said else ["PostgreSQL never found its disk full"]


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


FAULTS = (
    Fault(
        "disk-full",
        "a full disk for one service's database",
        Bound(reads=3.0, writes=3.0, recovered=10.0),
        prepare=_move,
        strike=_fill,
        mend=_make_room,
        hold=8.0,
        at=2,
        judge=_was_full,
        settle=_move_back,
        lacks=_lacks_disk,
        alert="QueueBehind",
    ),
)
