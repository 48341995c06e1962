-- migrate:up
set lock_timeout = '5s';

-- What the owners were last asked to tell again, by kind of state. A row that is missing means that the database is new,
-- or was emptied: the state is asked for. Its id changes with each asking, so that every process hears of it.
create table resync_asked (
    kind     text primary key,
    id       uuid not null default gen_random_uuid(),
    asked_at timestamptz not null
);

-- migrate:down
drop table resync_asked;
