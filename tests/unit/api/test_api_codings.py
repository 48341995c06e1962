"""Content codings: what a reader takes, by RFC 9110, 12.5.3."""

import gzip

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.api.codings import CODINGS, IDENTITY, accepted, compressed


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        (b"", IDENTITY),
        (b"identity", IDENTITY),
        (b"gzip", "gzip"),
        (b"gzip, deflate, br, zstd", "br"),
        (b"gzip, deflate, zstd", "zstd"),
        (b"GZIP", "gzip"),
        (b"br;q=0.5, gzip", "gzip"),
        (b"br;q=0, *", "zstd"),
        (b"*", "br"),
        (b"*;q=0", IDENTITY),
        (b"gzip;q=0.2, identity;q=0.8", IDENTITY),
        (b"gzip; q=1.0", "gzip"),
        (b"gzip;q=much", IDENTITY),
        (b"gzip;level=9", IDENTITY),
        (b"deflate", IDENTITY),
        (b"\xff\x00;;q=,,=", IDENTITY),
    ],
)
def test_the_coding_a_reader_likes_best(header: bytes, coding: str) -> None:
    assert accepted(header) == coding


@given(st.binary(max_size=60))
def test_whatever_the_header_says_there_is_a_coding(header: bytes) -> None:
    assert accepted(header) in (IDENTITY, *CODINGS)


def test_a_body_comes_back_from_every_coding() -> None:
    body = b'{"data": []}' * 500
    undo = {"gzip": gzip.decompress, "br": brotli.decompress, "zstd": zstandard.ZstdDecompressor().decompress}
    assert {coding: undo[coding](compressed(body, coding)) for coding in CODINGS} == dict.fromkeys(CODINGS, body)
