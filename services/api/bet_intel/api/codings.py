"""Content codings (RFC 9110, 8.4): which one a reader takes, and the body in it."""

import gzip
from collections.abc import Callable, Mapping
from functools import lru_cache

import brotli
import zstandard

IDENTITY = ""
"""No coding."""
WORTH_IT = 1024
"""Bytes below which a body is sent as it is: it fits into one packet either way."""

# Smallest first at the levels chosen, measured on a list of opportunities; each takes well below a millisecond there.
_COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    "br": lambda body: bytes(brotli.compress(body, quality=5)),
    "zstd": lambda body: zstandard.ZstdCompressor(level=3).compress(body),
    "gzip": lambda body: gzip.compress(body, 6, mtime=0),
}
CODINGS = tuple(_COMPRESS)


def compressed(body: bytes, coding: str) -> bytes:
    """`body` in one of the CODINGS."""
    return _COMPRESS[coding](body)


@lru_cache(maxsize=1024)
def accepted(accept_encoding: bytes) -> str:
    """The coding to answer in, given the request's Accept-Encoding: what it likes best, ours first among equals.

    A header that cannot be read asks for nothing.
    """
    weights = dict(filter(None, map(_weighed, accept_encoding.decode("latin-1").lower().split(","))))
    others = weights.get("*", 0.0)
    liked = [(weights.get(coding, others), -place, coding) for place, coding in enumerate(CODINGS)]
    weight, _, best = max(liked)
    return best if weight > 0.0 and weight >= weights.get("identity", 0.0) else IDENTITY


def _weighed(part: str) -> tuple[str, float] | None:
    coding, _, parameters = part.partition(";")
    name, _, value = parameters.strip().partition("=")
    if not parameters.strip():
        return coding.strip(), 1.0
    try:
        return (coding.strip(), float(value)) if name.strip() == "q" else None
    except ValueError:
        return None
