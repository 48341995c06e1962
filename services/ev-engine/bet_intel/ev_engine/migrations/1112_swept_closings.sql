-- migrate:up
set lock_timeout = '5s';

-- Closing lines that were told when the newest source time of the service had passed the start and the event's own had
-- not: what comes of that event from before its start is looked at by the sweep, since no pass does. The row goes with
-- the first update of after the start, from which on passes look.
create table swept_closing (
    event_id      text primary key references closing on delete cascade,
    -- Of the newest update that they were told with.
    odds_revision bigint not null
);

-- migrate:down
drop table swept_closing;
