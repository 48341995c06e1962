"""What the ledger is written from, read from the databases and gateways of the cluster. Every function blocks."""

from typing import Any

from drills.ledger import Applied, Delivery, Ending, steps, unmarked
from drills.recording import mark_of, shift_of
from drills.stage import Stage
from fixtures.outcome import outcome
from fixtures.system import Gateway

_HISTORY = """
select event_id, market, period, line, subject, bookmaker, outcome, side,
    to_char(as_of at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), price
from price_history where event_id like '%{mark}%' and as_of < '{end}' order by revision, id
"""
_DELIVERIES = """
select key, opportunity_id, opening, state, coalesce(reason, '')
from delivery where subscription_id = '{subscription}' and event_id like '%{mark}%'
"""


_NOTE = (
    # Not among the service's own tables, which it looks through at its start.
    "create schema drills",
    "create table drills.applied_set (event_id text not null, revision bigint not null, at timestamptz not null)",
    """
    create function drills.note_applied_set() returns trigger language plpgsql security definer as $$
    begin insert into drills.applied_set values (new.event_id, new.revision, clock_timestamp()); return null; end $$
    """,
    """
    create trigger note_applied_set after insert or update on opportunity_set
    for each row execute function drills.note_applied_set()
    """,
)
_APPLIED = "select event_id, revision, extract(epoch from at) from drills.applied_set where event_id like '%{mark}%'"


class _Front(Gateway):
    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def url(self) -> str:
        return self._url


def ending(stage: Stage) -> Ending:
    """What the present play has come to, as a user sees it, and its line history."""
    mark, shift = mark_of(stage.play), shift_of(stage.play)
    board, opportunities = outcome(_Front(stage.url))
    rows = stage.sql("api", _HISTORY.format(mark=mark, end=f"{stage.day}T23:00:00Z"))
    plain: tuple[Any, Any] = unmarked((board, opportunities), mark, shift)
    return Ending(*plain, steps(unmarked(tuple(row), mark, shift) for row in rows))


def note_applied_sets(stage: Stage) -> None:
    """From here on the notifier's database notes each set that alerts are made of; it keeps the last of each event."""
    group = stage.engines.postgres
    group.sql(group.primary, *_NOTE, database="notifier")


def applied_sets(stage: Stage) -> list[Applied]:
    """Those of the present play."""
    rows = stage.sql("notifier", _APPLIED.format(mark=mark_of(stage.play)))
    return [Applied(event, int(revision), float(at)) for event, revision, at in rows]


def deliveries(stage: Stage, subscription: str) -> list[Delivery]:
    """Those of the present play."""
    rows = stage.sql("notifier", _DELIVERIES.format(subscription=subscription, mark=mark_of(stage.play)))
    return [Delivery(row[0], row[1], int(row[2]), row[3], row[4]) for row in rows]


def kept_writes(stage: Stage) -> list[tuple[str, str]]:
    """Key and id of every write of a drill that the gateway's database has."""
    rows = stage.sql("api", "select rule->>'name', id from subscription where rule->>'name' like 'drill-%'")
    return [(row[0], row[1]) for row in rows]


def copied_writes(stage: Stage) -> frozenset[str]:
    """Ids of the subscriptions that the notifier knows."""
    return frozenset(row[0] for row in stage.sql("notifier", "select id from subscription"))


def feed_odds(stage: Stage) -> frozenset[int]:
    """Where the feed tells of changed odds: every follower is told of each."""
    return frozenset(int(row[0]) for row in stage.sql("api", "select seq from feed where kind = 'odds.changed'"))


def feed_seq(stage: Stage) -> int:
    return stage.number("api", "select seq from feed_position")


def dead_queues(stage: Stage) -> dict[str, int]:
    return {name: number for name, number in stage.depths().items() if name.endswith((".dead", ".XQ"))}


def dead_letters(stage: Stage) -> dict[str, int]:
    letters = "(select count(*) from dead_letter) + (select count(*) from outbox where failed_at is not null)"
    return {
        service: stage.number(service, f"select {letters}")
        for service in ("odds_ingest", "ev_engine", "api", "notifier")
    }
