-- migrate:up
set lock_timeout = '5s';

-- The newest source time that retention has seen, and when on the clock it first did: between two answers, and after
-- the last one, source time is held to go on as the clock does.
create table retention_clock (
    only_row boolean primary key default true check (only_row),
    as_of    timestamptz not null,
    noted_at timestamptz not null
);

-- What is too old, or too many, is found by age.
create index dead_letter_by_age on dead_letter (died_at);
create index outbox_set_aside on outbox (failed_at) where failed_at is not null;

-- migrate:down
drop index outbox_set_aside;
drop index dead_letter_by_age;
drop table retention_clock;
