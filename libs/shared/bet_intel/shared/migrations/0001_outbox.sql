-- migrate:up
set lock_timeout = '5s';

create table outbox (
    id         bigint generated always as identity primary key,
    message_id text not null,
    kind       text not null check (kind in ('event', 'task')),
    name       text not null,
    subject    text not null,
    body       bytea not null,
    created_at timestamptz not null default now(),
    attempts   integer not null default 0,
    -- When it was stored or last failed: the sweeper leaves what is younger than a second to whoever stored it.
    tried_at   timestamptz not null default now(),
    -- A row that keeps failing is set aside with its reason, so that it never blocks the others.
    failed_at  timestamptz,
    reason     text,
    check ((failed_at is null) = (reason is null))
);
alter table outbox alter column body set storage external;
-- The sweeper looks for old rows that nobody deleted.
create index outbox_waiting on outbox (tried_at) where failed_at is null;

create table dead_letter (
    queue    text not null,
    id       text not null,
    name     text not null,
    subject  text not null,
    body     bytea not null,
    reason   text not null,
    attempts integer not null,
    died_at  timestamptz not null default now(),
    primary key (queue, id)
);

-- migrate:down
drop table dead_letter;
drop table outbox;
