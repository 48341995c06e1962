"""The contracts in `proto/` cannot be broken unnoticed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

from bet_intel.events.v1 import columns_pb2

_PROTO = Path(__file__).parents[2] / "proto"
_BUF = Path(sys.executable).with_name("buf")
_PUBLISHED = _PROTO / "published.binpb"


def _breaking(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(_BUF), "breaking", str(folder), "--against", str(_PUBLISHED)], capture_output=True, text=True, check=False
    )


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    return Path(shutil.copytree(_PROTO, tmp_path / "proto"))


def test_the_contracts_keep_what_was_published(contracts: Path) -> None:
    assert _breaking(contracts).returncode == 0


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("odds_changed.proto", '  bytes limit = 6 [(column) = "f64"]; //', "  //"),
        ("odds_changed.proto", "int64 as_of_us = 2;", "int32 as_of_us = 2;"),
        ("provider_status.proto", "string message = 6;", "string note = 6;"),
    ],
)
def test_a_breaking_change_is_refused(contracts: Path, file: str, before: str, after: str) -> None:
    path = contracts / "bet_intel/events/v1" / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    assert _breaking(contracts).returncode != 0


def _layouts(image: bytes) -> dict[str, str]:
    """Field → layout, for every column of a compiled set of contracts."""
    return {
        f"{message.name}.{field.name}": field.options.Extensions[columns_pb2.column]
        for file in descriptor_pb2.FileDescriptorSet.FromString(image).file
        for message in file.message_type
        for field in message.field
        if field.options.HasExtension(columns_pb2.column)
    }


def test_the_layout_of_a_published_column_never_changes() -> None:
    """`buf breaking` does not look into an option of ours."""
    published = _layouts(_PUBLISHED.read_bytes())
    built = subprocess.run([str(_BUF), "build", str(_PROTO), "-o", "-"], capture_output=True, check=True)
    present = _layouts(built.stdout)
    assert len(published) > 50
    assert {name: present.get(name) for name in published} == published
