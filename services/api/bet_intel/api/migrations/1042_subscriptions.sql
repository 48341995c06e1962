-- migrate:up
set lock_timeout = '5s';

-- Who wants to be told of which opportunities, and how: the owner's rows.
create table subscription (
    id              uuid primary key,
    account         text not null,
    revision        bigint not null check (revision > 0),
    status          text not null check (status in ('active', 'paused', 'disabled')),
    -- Why the system disabled it.
    disabled_reason text,
    -- {"name", "sports", "leagues", "markets", "bookmakers", "profile", "classes", "min_ev", "realert_step"}
    rule            jsonb not null,
    url             text not null,
    -- The signing secret, encrypted; shown once, when it was made.
    secret          bytea not null,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    check ((status = 'disabled') = (disabled_reason is not null))
);
-- An account's subscriptions, in the order in which they were made.
create index subscription_of_account on subscription (account, created_at, id);

-- What has become of each message, as the notifier tells; older ones go with retention.
create table delivery (
    id              text primary key,
    subscription_id uuid not null references subscription on delete cascade,
    -- The notifier's: what is not newer is ignored.
    revision        bigint not null,
    kind            text not null check (kind in ('alert', 'test')),
    opportunity_id  text,
    event_id        text,
    opening         integer not null,
    level           integer not null,
    state           text not null check (state in ('pending', 'delivered', 'failed', 'skipped')),
    attempts        integer not null,
    reason          text,
    response_status integer,
    created_at      timestamptz not null,
    next_attempt_at timestamptz,
    ended_at        timestamptz
) with (fillfactor = 80);
-- A subscription's deliveries, the newest first.
create index delivery_of_subscription on delivery (subscription_id, created_at desc, id);
-- Old ones are found by age.
create index delivery_by_age on delivery (created_at);

-- migrate:down
drop table delivery;
drop table subscription;
