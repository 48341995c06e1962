"""What of a batch of full states counts: the newest of each, and what came behind a newer one."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")


def newest_and_late(
    told: Iterable[T], id: Callable[[T], str], revision: Callable[[T], int]
) -> tuple[Mapping[str, T], list[T]]:
    """The newest state by id, in the order of ids, which is that of locks; and those that came behind one that is not
    older, which change nothing."""
    newest: dict[str, T] = {}
    late: list[T] = []
    for one in told:
        known = newest.get(id(one))
        if known is None or revision(one) > revision(known):
            newest[id(one)] = one
        else:
            late.append(one)
    return {key: newest[key] for key in sorted(newest)}, late
