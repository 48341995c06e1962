-- migrate:up
set lock_timeout = '5s';

-- What an account gets for being of a tier. The rows of before are the starting values; an operator may change them.
create table tier (
    name                text primary key,
    -- The order in which they are shown.
    position            integer not null unique,
    -- Null = without limit.
    requests_per_minute integer check (requests_per_minute > 0),
    -- Which categories of market it sees: main, alternate, prop, outright; empty = all of them.
    categories          text[] not null check (categories <@ array['main', 'alternate', 'prop', 'outright']),
    -- It sees what was first seen longer ago than that.
    delay_seconds       double precision not null check (delay_seconds between 0 and 86400),
    features            text[] not null
                        check (features <@ array['exports', 'history', 'metrics', 'refresh', 'administration']),
    -- How many streams an account may have open at a gateway. What is delayed has no stream: of an opportunity that
    -- comes of age while it is followed nothing would tell.
    streams             integer not null check (streams >= 0),
    subscriptions       integer not null check (subscriptions >= 0),
    check (streams = 0 or delay_seconds = 0),
    -- A change of a price does not say of which category its market was.
    check (not features && array['exports', 'history'] or (categories = '{}' and delay_seconds = 0)),
    check (not features @> array['administration'] or name = 'admin')
);
insert into tier
    (name, position, requests_per_minute, categories, delay_seconds, features, streams, subscriptions)
values
    ('anonymous', 1, 30,   '{main}', 900, '{}',                          0,   0),
    ('free',      2, 60,   '{main}', 300, '{}',                          0,   1),
    ('basic',     3, 120,  '{main}', 0,   '{}',                          0,   10),
    ('premium',   4, 300,  '{}',     0,   '{exports,history,refresh}',   10,  100),
    ('admin',     5, null, '{}',     0,   '{exports,history,metrics,refresh,administration}', 100, 100);

create table account (
    id         uuid primary key,
    name       text not null unique,
    tier       text not null references tier check (tier <> 'anonymous'),
    created_at timestamptz not null,
    updated_at timestamptz not null
);
-- The list, in the order in which they were made.
create index account_by_age on account (created_at, id);
-- A changed tier concerns its accounts.
create index account_of_tier on account (tier);

create table api_key (
    id           uuid primary key,
    account      uuid not null references account on delete cascade,
    name         text not null,
    -- SHA-256 of the key. The key itself is nowhere: it is shown once.
    digest       bytea not null unique check (length(digest) = 32),
    -- Its last characters, by which its owner knows it.
    hint         text not null,
    scopes       text[] not null check (cardinality(scopes) > 0),
    created_at   timestamptz not null,
    -- Null = never.
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz
) with (fillfactor = 85);
create index api_key_of_account on api_key (account, created_at, id);

-- What administrators did, in the order in which it took effect and without gaps: numbers are taken under a lock that is
-- held to the end. Gateways follow it, and look at the accounts that it names.
create table audit_position (
    only_row boolean primary key default true check (only_row),
    -- Names this numbering: another after it was made anew.
    epoch    bigint not null,
    seq      bigint not null check (seq >= 0)
) with (fillfactor = 10);
insert into audit_position (epoch, seq) values ((extract(epoch from clock_timestamp()) * 1000)::bigint, 0);
create table audit_entry (
    seq        bigint primary key,
    at         timestamptz not null,
    -- The account that did it, or who else.
    actor      text not null,
    -- The key it was done with; null where it was another way.
    actor_key  uuid,
    request_id text not null,
    act        text not null,
    -- Whose account, which tier, which pricing profile.
    subject    text not null,
    detail     jsonb not null
);
create index audit_of_subject on audit_entry (subject, seq desc);

-- How much an account asked for, by day (UTC): told by the gateways every few seconds.
create table account_usage (
    account  text not null,
    day      date not null,
    requests bigint not null check (requests >= 0),
    refused  bigint not null check (refused >= 0),
    primary key (account, day)
) with (fillfactor = 70);
create index account_usage_by_day on account_usage (day);

-- migrate:down
drop table account_usage;
drop table audit_entry;
drop table audit_position;
drop table api_key;
drop table account;
drop table tier;
