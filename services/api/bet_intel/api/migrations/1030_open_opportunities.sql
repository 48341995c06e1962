-- migrate:up
set lock_timeout = '5s';

-- `opportunity` holds those that are open: when and why one was over, `closed_opportunity` says. What depends on these
-- columns goes with them.
alter table opportunity drop column closed_at, drop column close_reason, drop column detail;
-- The list: opportunities of a profile, best first, with the keyset cursor's order.
create index opportunity_by_ev on opportunity (profile, ev desc, id);

-- migrate:down
drop index opportunity_by_ev;
alter table opportunity
    add column closed_at    timestamptz,
    add column close_reason text,
    add column detail       jsonb,
    add check ((closed_at is null) = (close_reason is null)),
    add check (closed_at is not null or detail is null);
create index opportunity_by_ev on opportunity (profile, ev desc, id) where closed_at is null;
