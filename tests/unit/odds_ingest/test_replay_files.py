"""What is named as a recording and is none, and a line that would not fit into memory."""

import gzip
import json
import os
import tracemalloc
from pathlib import Path

import pytest

from bet_intel.odds_ingest.providers.port import InvalidSourceError
from bet_intel.odds_ingest.providers.replay.client import ReplayProvider
from bet_intel.odds_ingest.providers.the_odds_api.payload import LARGEST_RESPONSE
from fixtures.odds_payloads import bookmaker, event, market

GOOD = event(bookmaker("unibet", market("h2h", ("Harbour City", 2.1), ("Northgate", 1.8))))


def line(minute: int) -> bytes:
    return json.dumps({"captured_at": f"2026-01-31T12:{minute:02}:00Z", "response": [GOOD]}).encode() + b"\n"


def test_a_pipe_a_folder_and_a_device_are_told_from_a_file(tmp_path: Path) -> None:
    pipe, folder = tmp_path / "pipe.jsonl", tmp_path / "folder.jsonl"
    os.mkfifo(pipe)
    folder.mkdir()
    device = tmp_path / "device.jsonl"
    device.symlink_to(os.devnull)
    for path, kind in ((pipe, "a pipe"), (folder, "a folder"), (device, "a device")):
        with pytest.raises(InvalidSourceError, match=f"{path.name} is {kind}.*save the recording"):
            ReplayProvider(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "closed.jsonl"
    path.write_bytes(line(0))
    path.chmod(0)
    with pytest.raises(InvalidSourceError, match=r"closed\.jsonl cannot be read .Permission denied"):
        ReplayProvider(path)


async def test_a_line_of_gzip_that_unpacks_to_a_lot_is_skipped_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.jsonl.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write(line(0))
        file.write(b'{"captured_at": "2026-01-31T12:01:00Z", "response": [')
        for _ in range(256):
            file.write(b" " * (1 << 20))
        file.write(b"]}\n" + line(2))
    assert path.stat().st_size < 4_000_000
    tracemalloc.start()
    try:
        provider = ReplayProvider(path)
        first = await provider.fetch(0)
        assert first is not None
        second = await provider.fetch(first.position)
        peak = tracemalloc.get_traced_memory()[1]
        await provider.aclose()
    finally:
        tracemalloc.stop()
    assert second is not None
    assert [one.where for one in second.rejections] == ["line 2"]
    assert "larger than 32 MiB" in second.rejections[0].reason
    assert [odds.event.id for odds in second.events] == ["the_odds_api:abc"]
    assert peak < 4 * LARGEST_RESPONSE


def test_a_response_that_unpacks_to_a_lot_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.json.gz"
    with gzip.open(path, "wb", 1) as file:
        for _ in range(64):
            file.write(b" " * (1 << 20))
    with pytest.raises(InvalidSourceError, match="larger than 32 MiB: record fewer"):
        ReplayProvider(path)
