-- migrate:up
set lock_timeout = '5s';

-- The timelines of the write-ahead log on which this database was written to: a promotion begins a new one. A replica
-- that shows a row has replayed that timeline; an ordinary role cannot learn it from the server. What was restored from
-- a dump tells of other servers' timelines, so that each row says whose it is (`pg_control_system`).
create table timeline (
    system  bigint not null,
    number  integer not null check (number > 0),
    seen_at timestamptz not null default now(),
    primary key (system, number)
);

-- migrate:down
drop table timeline;
