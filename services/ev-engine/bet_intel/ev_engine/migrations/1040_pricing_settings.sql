-- migrate:up
set lock_timeout = '5s';

-- The engine's copy of the pricing settings: the newest document of each profile.
create table pricing_settings (
    profile  text primary key,
    -- The gateway's; a document that is not newer is ignored.
    revision bigint not null check (revision > 0),
    settings jsonb not null
);

-- Revision of the settings that its set was priced with: who prices anew looks for older ones.
alter table event add column pricing_revision bigint not null default 0;

-- migrate:down
alter table event drop column pricing_revision;
drop table pricing_settings;
