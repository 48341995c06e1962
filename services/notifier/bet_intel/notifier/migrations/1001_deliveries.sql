-- migrate:up
set lock_timeout = '5s';

-- The inbox: the last set of each sporting event, reduced to the opportunities that a rule is about.
create table opportunity_set (
    event_id text primary key,
    -- The engine's; a set that is not newer is ignored.
    revision bigint not null,
    as_of    timestamptz not null,
    body     jsonb not null
) with (fillfactor = 85);

-- The last alert of an opportunity to a subscription: the next one is measured against it.
create table alerted (
    subscription_id text not null,
    opportunity_id  text not null,
    opening         integer not null check (opening >= 1),
    level           integer not null check (level >= 1),
    ev              double precision not null,
    primary key (subscription_id, opportunity_id)
);

create table delivery (
    id              bigint generated always as identity primary key,
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
    -- No alert is repeated, whatever else goes wrong.
    unique (subscription_id, opportunity_id, opening, level, channel)
);
-- Operators look at what is not delivered; nearly all is.
create index delivery_open on delivery (created_at) where state in ('pending', 'failed');

-- migrate:down
drop table delivery;
drop table alerted;
drop table opportunity_set;
