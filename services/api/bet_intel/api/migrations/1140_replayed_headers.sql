-- migrate:up
set lock_timeout = '5s';

-- Headers that belong to the answer itself, as its ETag: it is given again with them.
alter table idempotency add column headers jsonb not null default '{}';

-- migrate:down
alter table idempotency drop column headers;
