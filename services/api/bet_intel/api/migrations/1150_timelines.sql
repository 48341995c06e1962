-- migrate:up
set lock_timeout = '5s';

-- A promotion may have lost the last rows, and what is written next would have their numbers: with another timeline of
-- the write-ahead log another numbering begins.
alter table feed_position add column timeline integer not null default 0;
alter table audit_position add column timeline integer not null default 0;
update feed_position set timeline = ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int;
update audit_position set timeline = ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int;

-- migrate:down
alter table audit_position drop column timeline;
alter table feed_position drop column timeline;
