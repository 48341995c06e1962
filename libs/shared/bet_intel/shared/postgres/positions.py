"""Positions in a server's write-ahead log: what a write returns, and what a later read may ask to see."""

import re
from dataclasses import dataclass, field
from typing import Self

_TOKEN = re.compile(r"([0-9A-F]{1,8})-([0-9A-F]{1,16})")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A byte of the write-ahead log of a timeline; a promotion begins a new timeline, with a higher number.

    As text (`str`, `parse`) it is a token that a client may carry from a write to its next read.
    """

    timeline: int
    lsn: int

    def __str__(self) -> str:
        return f"{self.timeline:X}-{self.lsn:X}"

    def and_also(self, other: "Position | None") -> "Position":
        """What a server must be at to have both."""
        return self if other is None else Position(max(self.timeline, other.timeline), max(self.lsn, other.lsn))

    def exceeds(self, known: "Position") -> bool:
        """Whether a server that is at `known` cannot have written it."""
        return self.timeline > known.timeline or self.lsn > known.lsn

    @classmethod
    def parse(cls, token: str) -> Self:
        """
        Raises:
            ValueError: it is not a token of this form; the message says what one looks like.
        """
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise ValueError(f"{token[:40]!r} is no position: one looks like 1-16B3748, as a write returned it")
        return cls(int(match[1], 16), int(match[2], 16))


@dataclass(slots=True)
class Committed:
    """Where a transaction's commit is in the log, once it is committed: given to `Database.transaction` to be filled.

    None before the commit, and where the connection was lost just after it.
    """

    position: Position | None = field(default=None)


def lsn(text: str) -> int:
    """PostgreSQL's text form of a log sequence number (`16/B374D848`) as a number of bytes."""
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


TIMELINE = "('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int"
"""The timeline that is written to is the first eight digits of the name of the segment; every role may ask for it."""
SYSTEM = "(select system_identifier from pg_control_system())"
"""Which servers follow one another: a copy of the tables elsewhere has other timelines. Every role may ask for it."""
# What is committed is flushed before anybody sees it. Where the next record will be inserted can lie behind the header
# of a page, which replicas do not reach before there is that record.
WRITTEN = f"select {TIMELINE} as timeline, pg_current_wal_flush_lsn()::text as lsn"
"""Where a primary writes; just after a commit: where that is, or a little beyond."""
OF_A_HOST = f"""
    select pg_is_in_recovery() as is_replica, case when pg_is_in_recovery() then 0 else {TIMELINE} end as timeline,
        case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end::text as lsn
"""
"""Up to where a primary has written or a replica has replayed for certain."""
SEEN = f"""
    with seen as (select coalesce(max(number), 0) as timeline from timeline where system = {SYSTEM})
    select case when pg_is_in_recovery() then seen.timeline else {TIMELINE} end as timeline,
        case when pg_is_in_recovery() then greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
        else pg_current_wal_flush_lsn() end::text as lsn
    from seen
"""  # noqa: S608 - a constant
"""Up to where a snapshot taken just before may have seen. What a replica has replayed is visible a moment before it is
counted as replayed, so this is what it has received: at worst a little too much is asked of the next host."""
