"""Whose a data folder is: one process's, one source's, and never a stranger's."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bet_intel.compose.data_folder import DataFolderError, default_data_dir
from bet_intel.compose.embedded_postgres import open_data_folder

HOLD = """
import sys
from pathlib import Path
from bet_intel.compose.embedded_postgres import open_data_folder
folder = open_data_folder(Path(sys.argv[1]), "simulator")
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds ``tmp_path / "held"``."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "held")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_and_told_who_holds_the_folder(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    for fresh in (False, True):
        with pytest.raises(DataFolderError, match=rf"another bet-intel \(pid {holder.pid}\) is using .*--data-dir"):
            open_data_folder(tmp_path / "held", "simulator", fresh=fresh)


def test_a_killed_process_leaves_the_folder_free(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    holder.kill()
    holder.wait()
    with open_data_folder(tmp_path / "held", "simulator") as folder:
        assert folder.source == "simulator"


@pytest.mark.parametrize("fresh", [False, True])
def test_a_strangers_folder_is_left_as_it_is(tmp_path: Path, fresh: bool) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "precious").write_text("data")
    with pytest.raises(DataFolderError, match="not bet-intel's"):
        open_data_folder(tmp_path, "simulator", fresh=fresh)
    assert [path.name for path in tmp_path.rglob("*")] == ["postgres", "precious"]


def test_a_file_named_like_the_stamp_does_not_make_a_folder_ours(tmp_path: Path) -> None:
    (tmp_path / "source.json").write_text('{"product": "other"}')
    with pytest.raises(DataFolderError, match="was not written by bet-intel"):
        open_data_folder(tmp_path, "simulator", fresh=True)


def test_another_sources_data_is_refused_until_a_fresh_start(tmp_path: Path) -> None:
    with open_data_folder(tmp_path, "simulator") as folder:
        folder.state.mkdir()
        (folder.state / "position").write_text("17")
    (tmp_path / "notes of the owner").write_text("keep")
    with pytest.raises(DataFolderError, match=r"holds the data of 'simulator', not of 'replay:mlb'.*--fresh"):
        open_data_folder(tmp_path, "replay:mlb")
    with open_data_folder(tmp_path, "replay:mlb", fresh=True) as folder:
        assert not folder.state.exists()
    assert (tmp_path / "notes of the owner").read_text() == "keep"
    with open_data_folder(tmp_path, "replay:mlb"):
        pass


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [("layout", 999, "has layout 999"), ("postgresql", 9, "holds data of PostgreSQL 9, and the installed server is")],
)
def test_data_of_another_version_is_refused(tmp_path: Path, key: str, value: int, message: str) -> None:
    with open_data_folder(tmp_path, "simulator"):
        pass
    stamp = tmp_path / "source.json"
    stamp.write_text(json.dumps(json.loads(stamp.read_text()) | {key: value}))
    with pytest.raises(DataFolderError, match=f"{message}.*--fresh"):
        open_data_folder(tmp_path, "simulator")


def test_a_removal_that_was_interrupted_is_completed(tmp_path: Path) -> None:
    with open_data_folder(tmp_path, "simulator"):
        pass
    (tmp_path / "postgres.removed" / "base").mkdir(parents=True)
    with open_data_folder(tmp_path, "simulator"):
        assert not (tmp_path / "postgres.removed").exists()


def test_a_path_that_cannot_be_a_folder_is_refused_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderError, match="cannot be used: Not a directory"):
        open_data_folder(tmp_path / "file" / "data", "simulator")


def test_the_default_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_data_dir() == (Path("/var/lib/bet-intel") if os.geteuid() == 0 else tmp_path / "bet-intel")
