-- migrate:up
set lock_timeout = '5s';

-- The opportunity as lists show it, made when it is projected: JSON but for what changes without it (prepared.py). Null
-- until it is told again after this migration. Of which revision it is: a projector from before this migration leaves it
-- as it was. A row of which it does not tell is made into JSON when it is read.
alter table opportunity add column prepared bytea, add column prepared_revision bigint;

-- migrate:down
alter table opportunity drop column prepared, drop column prepared_revision;
