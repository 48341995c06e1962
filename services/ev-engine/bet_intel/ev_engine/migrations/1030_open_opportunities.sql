-- migrate:up
set lock_timeout = '5s';

-- `opportunity` holds the lives that go on: when and why one ended, `closed_opportunity` says. What depends on these
-- columns goes with them.
alter table opportunity drop column closed, drop column close_reason;
-- An opportunity is open at most once.
create unique index opportunity_open on opportunity (key);

-- migrate:down
drop index opportunity_open;
alter table opportunity
    add column closed       timestamptz,
    add column close_reason text,
    add check ((closed is null) = (close_reason is null));
create unique index opportunity_open on opportunity (key) where closed is null;
