-- migrate:up
set lock_timeout = '5s';

-- The id that the provider uses for an event now: its own may be another where the provider has changed it, or has given
-- it to another match. Kept without a default once written, so that nobody forgets it.
alter table event add column told_id text;
update event set told_id = id;
alter table event alter column told_id set not null;
-- An answer's events are looked up by the ids it tells.
create index event_told on event (told_id);

-- migrate:down
drop index event_told;
alter table event drop column told_id;
