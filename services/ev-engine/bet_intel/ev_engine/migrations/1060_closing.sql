-- migrate:up
set lock_timeout = '5s';

-- When each bookmaker last confirmed the closing board, {bookmaker: µs}; null where that is as the board itself tells.
alter table line add column closing_updated jsonb;

-- The start that the newest message told: who has started, though nothing is told of it any more. Rows from before get
-- theirs when they are told of again.
alter table event add column commence_time timestamptz;

-- The closing lines of each event that has started, as they were last told.
create table closing (
    event_id text primary key references event on delete cascade,
    -- Of what was told; taken under the event's lock.
    revision bigint not null check (revision > 0),
    -- The start that they were held against.
    starts   timestamptz not null,
    voided   boolean not null,
    -- Of what was told without its time and revision: the same again is no news.
    digest   bytea not null,
    as_of    timestamptz not null,
    -- closing.line.fixed as it was told.
    body     bytea not null
);
alter table closing alter column body set storage external;

-- migrate:down
drop table closing;
alter table event drop column commence_time;
alter table line drop column closing_updated;
