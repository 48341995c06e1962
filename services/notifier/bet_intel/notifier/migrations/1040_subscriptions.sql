-- migrate:up
set lock_timeout = '5s';

-- Copies of the gateway's subscriptions, at their newest revision. One that was deleted stays as a mark, without rule,
-- address and secret, so that a message about it that comes late does not bring it back.
create table subscription (
    id       text primary key,
    revision bigint not null,
    status   text not null check (status in ('active', 'paused', 'disabled', 'deleted')),
    rule     jsonb,
    url      text,
    -- Encrypted.
    secret   bytea,
    heard_at timestamptz not null default now(),
    check ((status = 'deleted') = (rule is null) and (rule is null) = (url is null) and (url is null) = (secret is null))
);
-- Each set is held against the rules of those that are active.
create index subscription_active on subscription (id) where status = 'active';
-- Marks of those that were deleted go by age.
create index subscription_deleted on subscription (heard_at) where status = 'deleted';

alter table delivery
    -- Public id, and webhook-id: made of what the delivery is unique in, so that it is the same whoever makes it again.
    add column key             text,
    add column kind            text not null default 'alert' check (kind in ('alert', 'test')),
    -- What is told of it.
    add column revision        bigint not null default 0,
    -- When to try again, or to look whether somebody still has it in hand.
    add column next_attempt_at timestamptz,
    add column response_status integer,
    -- What was last sent, and whether it is to be sent again as it was.
    add column body            text,
    add column is_resend       boolean not null default false;
update delivery set key = id::text, next_attempt_at = case when state = 'pending' then now() end;
alter table delivery
    alter column key set not null,
    add check ((state = 'pending') = (next_attempt_at is not null));
-- Somebody asks for one to be sent again.
create index delivery_by_key on delivery (key);
-- What is due is looked for every second.
create index delivery_due on delivery (next_attempt_at) where state = 'pending';

-- migrate:down
drop index delivery_due;
drop index delivery_by_key;
alter table delivery
    drop column is_resend,
    drop column body,
    drop column response_status,
    drop column next_attempt_at,
    drop column revision,
    drop column kind,
    drop column key;
drop table subscription;
