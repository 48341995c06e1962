-- migrate:up
set lock_timeout = '5s';

-- The closing lines of each event that has started, as closing.line.fixed told them. They outlive the events, and refer
-- to no other table.
create table closing (
    event_id text primary key,
    revision bigint not null check (revision > 0),
    -- They were void when the start moved to after `as_of`.
    voided   boolean not null,
    -- Source time at which they were fixed.
    as_of    timestamptz not null,
    body     bytea not null
);
alter table closing alter column body set storage external;
-- Retention looks for old ones.
create index closing_by_age on closing (as_of);

-- The feed tells of them too.
alter table feed drop constraint feed_kind_check;
alter table feed add constraint feed_kind_check
    check (kind ~ '^(opportunity|arbitrage|low_hold|middle)\.(opened|updated|closed)$'
        or kind in ('odds.changed', 'closing.fixed'));

-- migrate:down
delete from feed where kind = 'closing.fixed';
alter table feed drop constraint feed_kind_check;
alter table feed add constraint feed_kind_check
    check (kind ~ '^(opportunity|arbitrage|low_hold|middle)\.(opened|updated|closed)$' or kind = 'odds.changed');
drop table closing;
