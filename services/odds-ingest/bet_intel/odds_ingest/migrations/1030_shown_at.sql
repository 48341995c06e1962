-- migrate:up
set lock_timeout = '5s';

-- Source time of the newest answer that showed the event: one that nobody asks for any more is given up. Of rows from
-- before, nothing later is known. Kept without a default once written, so that nobody forgets it.
alter table event add column shown_at timestamptz;
update event set shown_at = as_of;
alter table event alter column shown_at set not null;

-- migrate:down
alter table event drop column shown_at;
