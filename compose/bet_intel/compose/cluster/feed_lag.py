"""How far the gateways are behind the feed."""

import re
import urllib.error
import urllib.request
from collections.abc import Sequence

from bet_intel.compose.cluster.fleet import Member
from bet_intel.compose.servers.postgres import PostgresGroup
from bet_intel.compose.servers.processes import ServerError

_SEQ = re.compile(r"^bet_intel_api_feed_seq (\S+)$", re.MULTILINE)
_ANSWER_SECONDS = 2.0


def feed_lags(group: PostgresGroup, gateways: Sequence[Member]) -> dict[str, int]:
    """By name, how many entries of the feed a gateway does not know yet that the primary has; of those that answer."""
    # Asked first: what is written meanwhile is no lag.
    newest = _newest(group) if gateways else None
    known = {one.name: _known(one) for one in gateways} if newest is not None else {}
    return {name: max(0, newest - seq) for name, seq in known.items() if newest is not None and seq is not None}


def _newest(group: PostgresGroup) -> int | None:
    try:
        return int(group.sql(group.primary, "select coalesce(max(seq), 0) from feed_position", database="api"))
    except (ServerError, ValueError):
        return None


def _known(gateway: Member) -> int | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{gateway.port}/metrics", timeout=_ANSWER_SECONDS) as answer:
            found = _SEQ.search(answer.read().decode())
    except (OSError, urllib.error.URLError):
        return None
    return None if found is None else int(float(found[1]))
