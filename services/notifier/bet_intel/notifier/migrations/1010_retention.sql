-- migrate:up
set lock_timeout = '5s';

-- Sets of events that are over are found by age.
create index opportunity_set_by_age on opportunity_set (as_of);

alter table alerted
    add column event_id   text not null default '',
    -- When it was last alerted, by the clock.
    add column alerted_at timestamptz not null default now();
update alerted set event_id = delivery.event_id from delivery
where delivery.subscription_id = alerted.subscription_id and delivery.opportunity_id = alerted.opportunity_id;
alter table alerted alter column event_id drop default, alter column alerted_at drop default;
-- Alerts of opportunities that are over are found by age.
create index alerted_by_age on alerted (alerted_at);

-- Deliveries in days by the clock. That none is repeated is kept by `alerted`, whose row is locked and only moves
-- upwards: a key over all days there cannot be.
alter table delivery rename to delivery_before;
alter index delivery_pkey rename to delivery_before_pkey;
drop index delivery_open;
create sequence delivery_id as bigint;
select setval('delivery_id', (select coalesce(max(id), 0) + 1 from delivery_before), false);
create table delivery (
    id              bigint not null default nextval('delivery_id'),
    subscription_id text not null,
    opportunity_id  text not null,
    event_id        text not null,
    -- The step of the alert: the opportunity's opening, and the level within it.
    opening         integer not null check (opening >= 1),
    level           integer not null check (level >= 1),
    channel         text not null,
    state           text not null default 'pending' check (state in ('pending', 'delivered', 'failed', 'skipped')),
    attempts        integer not null default 0 check (attempts >= 0),
    -- Why it failed or was skipped; of a pending one, why the last attempt failed.
    reason          text,
    -- What was sent.
    text            text,
    created_at      timestamptz not null default now(),
    ended_at        timestamptz,
    check ((state = 'pending') = (ended_at is null)),
    check (state not in ('failed', 'skipped') or reason is not null),
    check ((state = 'delivered') = (text is not null)),
    check (state <> 'delivered' or reason is null),
    primary key (id, created_at),
    unique (subscription_id, opportunity_id, opening, level, channel, created_at)
) partition by range (created_at);
-- Operators look at what is not delivered; nearly all is.
create index delivery_open on delivery (created_at) where state in ('pending', 'failed');
create table delivery_default partition of delivery default;
insert into delivery
select id, subscription_id, opportunity_id, event_id, opening, level, channel, state, attempts, reason, text, created_at,
    ended_at
from delivery_before;
drop table delivery_before;

-- migrate:down
alter table delivery rename to delivery_after;
create table delivery (
    id              bigint generated always as identity primary key,
    subscription_id text not null,
    opportunity_id  text not null,
    event_id        text not null,
    opening         integer not null check (opening >= 1),
    level           integer not null check (level >= 1),
    channel         text not null,
    state           text not null default 'pending' check (state in ('pending', 'delivered', 'failed', 'skipped')),
    attempts        integer not null default 0 check (attempts >= 0),
    reason          text,
    text            text,
    created_at      timestamptz not null default now(),
    ended_at        timestamptz,
    check ((state = 'pending') = (ended_at is null)),
    check (state not in ('failed', 'skipped') or reason is not null),
    check ((state = 'delivered') = (text is not null)),
    check (state <> 'delivered' or reason is null),
    unique (subscription_id, opportunity_id, opening, level, channel)
);
insert into delivery overriding system value
select id, subscription_id, opportunity_id, event_id, opening, level, channel, state, attempts, reason, text, created_at,
    ended_at
from delivery_after;
select setval('delivery_id_seq', (select coalesce(max(id), 0) + 1 from delivery), false);
drop table delivery_after;
drop sequence delivery_id;
create index delivery_open on delivery (created_at) where state in ('pending', 'failed');
drop index alerted_by_age;
alter table alerted drop column alerted_at, drop column event_id;
drop index opportunity_set_by_age;
