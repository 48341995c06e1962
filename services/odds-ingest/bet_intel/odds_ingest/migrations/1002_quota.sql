-- migrate:up
set lock_timeout = '5s';

-- One row a provider: its lock puts reservations and settlements in one order, whichever process makes them.
create table quota_account (
    provider  text primary key,
    -- Reports of what is left that were settled so far: tells a later report from one that overlapped.
    reports   bigint not null default 0 check (reports >= 0),
    -- What the provider last said. Null = never.
    remaining bigint check (remaining >= 0),
    used      bigint check (used >= 0),
    told_at   timestamptz,
    number    bigint check (number <= reports),
    check ((remaining is null) = (told_at is null) and (remaining is null) = (number is null))
) with (fillfactor = 50);

-- Credits charged in a UTC day or month.
create table quota_spent (
    provider text not null references quota_account,
    period   text not null check (period in ('day', 'month')),
    starts   timestamptz not null,
    credits  bigint not null check (credits >= 0),
    primary key (provider, period, starts)
) with (fillfactor = 50);

-- Calls that are under way, and those whose answer was lost: a few rows.
create table quota_reservation (
    id       uuid primary key,
    provider text not null references quota_account,
    credits  bigint not null check (credits >= 0),
    made_at  timestamptz not null,
    reports  bigint not null check (reports >= 0)
);
-- The account is read with its reservations before every call.
create index quota_reservation_of_provider on quota_reservation (provider, made_at);

-- What is polled of a provider, and when: a restart spends no credits on what was just asked.
create table league (
    provider         text not null,
    league           text not null,
    -- When it was last asked for; moved before the call, so that two workers never ask the same.
    polled_at        timestamptz,
    -- Markets that change in an hour, as a share of all; null = not known yet.
    changes_per_hour double precision check (changes_per_hour >= 0),
    -- The answer before, which the next one is compared with in time.
    answered_at      timestamptz,
    primary key (provider, league)
) with (fillfactor = 70);

-- Refreshes asked for: kept a day after they were answered, because a message may come twice.
create table refresh (
    id           uuid primary key,
    sports       text[] not null,
    leagues      text[] not null,
    requested_at timestamptz not null,
    answered_at  timestamptz
);
-- Looked up at a start and whenever one arrives.
create index refresh_pending on refresh (requested_at) where answered_at is null;

-- How old each bookmaker's prices usually are (a running median, in seconds) and were in the newest answer.
create table bookmaker_age (
    provider  text not null,
    bookmaker text not null,
    title     text not null,
    age       double precision not null check (age >= 0),
    norm      double precision not null check (norm >= 0),
    samples   bigint not null check (samples > 0),
    told_at   timestamptz not null,
    primary key (provider, bookmaker)
) with (fillfactor = 50);

-- migrate:down
drop table bookmaker_age;
drop table refresh;
drop table league;
drop table quota_reservation;
drop table quota_spent;
drop table quota_account;
