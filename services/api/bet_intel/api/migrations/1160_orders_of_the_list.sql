-- migrate:up
set lock_timeout = '5s';

-- The other orders of the list, each with the keyset cursor's: without one a page reads and sorts whatever is open. The
-- order by age has none: an age is of two tables and moves with every answer.
create index opportunity_by_start on opportunity (profile, commence_time, id);
create index opportunity_by_first_seen on opportunity (profile, first_seen desc, id);
create index opportunity_by_fair on opportunity (profile, fair desc, id);

-- migrate:down
drop index opportunity_by_fair;
drop index opportunity_by_first_seen;
drop index opportunity_by_start;
