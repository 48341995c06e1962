-- migrate:up
set lock_timeout = '5s';

-- Entries tell all that is shown of an opportunity. Those of before do not: another numbering begins, without them.
delete from feed;
update feed_position set epoch = (extract(epoch from clock_timestamp()) * 1000)::bigint;

-- migrate:down
delete from feed;
update feed_position set epoch = (extract(epoch from clock_timestamp()) * 1000)::bigint;
