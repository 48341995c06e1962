"""What a node of a Redis Cluster tells of all of them: the lines of ``CLUSTER NODES``."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple


class Seen(NamedTuple):
    """One node, as another sees it."""

    port: int
    id: str
    flags: frozenset[str]
    follows: str | None
    """The id of its master."""
    slots: tuple[range, ...]

    @property
    def lives(self) -> bool:
        return not self.flags & {"fail", "fail?"}

    @property
    def place(self) -> tuple[int, str, str | None, tuple[range, ...]]:
        """What all nodes are to agree on."""
        return self.port, self.id, self.follows, self.slots

    @property
    def is_astray(self) -> bool:
        """It serves no slot, nor follows whoever does."""
        return self.lives and not self.slots and self.follows is None and "handshake" not in self.flags


def parse(said: str) -> list[Seen]:
    seen = []
    for line in said.splitlines():
        id, address, flags, master, _, _, _, _, *slots = line.split()
        port = int(address.partition("@")[0].rpartition(":")[2])
        # One without an address has become another by now.
        if port:
            follows = None if master == "-" else master
            seen.append(Seen(port, id, frozenset(flags.split(",")), follows, tuple(_slots(one) for one in slots)))
    return seen


def replicas(view: Sequence[Seen]) -> dict[str, int]:
    """By its id, how many follow each master that serves slots."""
    following = Counter(one.follows for one in view if one.lives)
    return {one.id: following[one.id] for one in view if one.slots}


def is_whole(views: Sequence[Sequence[Seen]]) -> bool:
    """Whether all nodes, each of which has its view, agree, live, and every master has as many replicas."""
    first = views[0]
    agreed = all({one.place for one in view} == {one.place for one in first} for view in views)
    shares = replicas(first)
    return (
        agreed
        and len(first) == len(views)
        and all(one.lives for one in first)
        and set(shares.values()) == {len(views) // len(shares) - 1 if shares else -1}
    )


def _slots(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)
