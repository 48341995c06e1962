-- migrate:up
set lock_timeout = '5s';

-- The timelines of the write-ahead log on which this database was written to: a promotion begins a new one. A replica
-- that shows a row has replayed that timeline; an ordinary role cannot learn it from the server.
create table timeline (
    number  integer primary key check (number > 0),
    seen_at timestamptz not null default now()
);

-- migrate:down
drop table timeline;
