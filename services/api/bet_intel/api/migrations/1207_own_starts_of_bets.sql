-- migrate:up
set lock_timeout = '5s';

-- When the event of a bet starts as the bet says, which names it by league, teams and start; null where it names it by
-- its id, and of bets from before this migration: these stay on the event that they are on.
alter table bet add column own_start timestamptz;

-- Bets that are on an event which starts at another time than they say may be on another one, when that comes.
create index bet_on_another_start on bet (own_start) where own_start <> commence_time;

-- migrate:down
alter table bet drop column own_start;
