-- migrate:up
set lock_timeout = '5s';

-- Providers that failed, until they answer again: what one process has found out holds for all of them, as the plan of
-- one has others ask.
create table left_alone (
    provider text primary key,
    -- In a row.
    failures bigint not null check (failures >= 0),
    -- Neither plan nor task asks before then; a check of health and a wish of a user do.
    until    timestamptz not null
) with (fillfactor = 50);

-- migrate:down
drop table left_alone;
