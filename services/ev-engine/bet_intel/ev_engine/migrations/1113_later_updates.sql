-- migrate:up
set lock_timeout = '5s';

-- What was told of an event shortly after its start: a start that is moved to a later time has it recorded as it would
-- have been at once.
create table later_update (
    -- No reference, which would cost each write a look: rows go with their day.
    event_id text not null,
    revision bigint not null,
    as_of    timestamptz not null,
    -- odds.changed as it was told.
    body     bytea not null,
    primary key (event_id, revision)
);
alter table later_update alter body set storage external;
-- Retention looks for the oldest.
create index later_update_as_of on later_update (as_of);

-- migrate:down
drop table later_update;
