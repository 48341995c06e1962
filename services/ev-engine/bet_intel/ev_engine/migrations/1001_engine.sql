-- migrate:up
set lock_timeout = '5s';

create table event (
    id            text primary key,
    -- Source time and revision of the newest odds.changed in `boards`.
    as_of         timestamptz,
    odds_revision bigint not null default 0,
    -- Revision of the opportunity set last told; taken under this row's lock.
    revision      bigint not null default 0,
    -- Every market's last board in the layout of odds.changed: read and written as a whole, under this row's lock, because
    -- a set is always made of all markets of its event.
    boards        bytea,
    check ((as_of is null) = (boards is null))
) with (fillfactor = 70);
alter table event alter column boards set storage external;

-- The first and the last board of each market at or before the start: what a closing line is taken from.
create table line (
    id               bigint generated always as identity primary key,
    event_id         text not null,
    market           text not null,
    period           text not null,
    line             double precision,
    subject          text not null,
    opening_as_of    timestamptz not null,
    opening_board    jsonb not null,
    closing_as_of    timestamptz not null,
    closing_revision bigint not null,
    closing_board    jsonb not null,
    unique nulls not distinct (event_id, market, period, line, subject),
    check (opening_as_of <= closing_as_of)
) with (fillfactor = 70);

create table opportunity (
    id           text primary key,
    key          text not null,
    event_id     text not null references event,
    opening      integer not null check (opening >= 1),
    opened       timestamptz not null,
    first_seen   timestamptz not null,
    last_seen    timestamptz not null,
    ev           double precision not null,
    peak_ev      double precision not null,
    peak_at      timestamptz not null,
    closed       timestamptz,
    close_reason text,
    check ((closed is null) = (close_reason is null)),
    check (first_seen <= opened and opened <= last_seen),
    check (peak_ev >= ev)
) with (fillfactor = 70);
-- An opportunity is open at most once.
create unique index opportunity_open on opportunity (key) where closed is null;
-- A pass reads those of its events that are open or closed a short while ago.
create index opportunity_recent on opportunity (event_id, closed desc nulls first);

-- migrate:down
drop table opportunity;
drop table line;
drop table event;
