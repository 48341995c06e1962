-- migrate:up
set lock_timeout = '5s';

alter table event
    -- Source time of the newest odds.changed; `as_of`, that of the set, is later where the engine let time pass since.
    add column told_as_of timestamptz,
    -- Whether time at its provider goes on with the clock.
    add column live       boolean not null default false;
update event set told_as_of = as_of;

-- migrate:down
alter table event drop column live, drop column told_as_of;
