-- migrate:up
set lock_timeout = '5s';

-- The opportunity as lists show it, made when it is projected: JSON but for what changes without it (prepared.py). Null
-- until it is told again after this migration; such a row is made into JSON when it is read.
alter table opportunity add column prepared bytea;

-- migrate:down
alter table opportunity drop column prepared;
