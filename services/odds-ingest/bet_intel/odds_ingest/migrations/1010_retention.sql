-- migrate:up
set lock_timeout = '5s';

-- Retention looks for events that are over.
create index event_over on event (as_of) where not open;

-- migrate:down
drop index event_over;
