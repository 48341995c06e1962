-- migrate:up
set lock_timeout = '5s';

alter table event
    -- Whether any of its boards has prices. What was there before stays until it is told of again.
    add column open     boolean not null default true,
    -- How often an opportunity of it has opened.
    add column openings bigint not null default 0;
update event set openings = coalesce((select sum(opening) from opportunity where event_id = event.id), 0);
-- Retention looks for events that are over.
create index event_over on event (as_of) where not open;

-- The openings of events that were forgotten.
create table forgotten (
    only_row boolean primary key default true check (only_row),
    openings bigint not null
);
insert into forgotten (openings) values (0);

-- Lives that have ended; `opportunity` holds those that go on. One that opens again goes back.
create table closed_opportunity (
    id           text not null,
    key          text not null,
    event_id     text not null,
    opening      integer not null check (opening >= 1),
    opened       timestamptz not null,
    first_seen   timestamptz not null,
    last_seen    timestamptz not null,
    ev           double precision not null,
    peak_ev      double precision not null,
    peak_at      timestamptz not null,
    -- Source time.
    closed       timestamptz not null,
    close_reason text not null,
    check (first_seen <= opened and opened <= last_seen),
    check (peak_ev >= ev)
) partition by range (closed);
-- A pass reads those of its events that closed a short while ago.
create index closed_opportunity_of_event on closed_opportunity (event_id, closed);
create table closed_opportunity_default partition of closed_opportunity default;
insert into closed_opportunity
select id, key, event_id, opening, opened, first_seen, last_seen, ev, peak_ev, peak_at, closed, close_reason
from opportunity where closed is not null;
delete from opportunity where closed is not null;

drop index opportunity_recent;
-- A pass reads those of its events.
create index opportunity_of_event on opportunity (event_id);

-- migrate:down
drop index opportunity_of_event;
insert into opportunity
select id, key, event_id, opening, opened, first_seen, last_seen, ev, peak_ev, peak_at, closed, close_reason
from closed_opportunity where event_id in (select id from event);
create index opportunity_recent on opportunity (event_id, closed desc nulls first);
drop table closed_opportunity;
drop table forgotten;
drop index event_over;
alter table event drop column openings, drop column open;
