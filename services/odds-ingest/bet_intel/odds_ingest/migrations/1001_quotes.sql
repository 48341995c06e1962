-- migrate:up
set lock_timeout = '5s';

create table event (
    id               text primary key,
    provider         text not null,
    sport            text not null,
    league           text not null,
    league_title     text not null,
    commence_time    timestamptz not null,
    home             text,
    away             text,
    bookmaker_titles jsonb not null,
    -- Taken under this row's lock; orders everything that is told of the event.
    revision         bigint not null,
    as_of            timestamptz not null,
    open             boolean not null,
    check ((home is null) = (away is null))
) with (fillfactor = 85);
-- A successful answer for a league withdraws the league's open events that it does not contain.
create index event_open on event (provider, league) where open;

create table market (
    id       bigint generated always as identity primary key,
    event_id text not null references event on delete cascade,
    market   text not null,
    period   text not null,
    line     double precision,
    subject  text not null,
    status   smallint not null check (status in (1, 2, 3)),
    revision bigint not null,
    -- Also serves reading all markets of an event.
    unique nulls not distinct (event_id, market, period, line, subject)
) with (fillfactor = 85);

-- When a bookmaker last confirmed its prices in a market; apart from the prices, because it changes with every answer
-- and they rarely do.
create table book (
    market_id   bigint not null references market on delete cascade,
    bookmaker   text not null,
    last_update timestamptz not null,
    primary key (market_id, bookmaker)
) with (fillfactor = 85);

create table quote (
    market_id bigint not null references market on delete cascade,
    bookmaker text not null,
    outcome   text not null,
    side      smallint not null check (side in (0, 1)),
    price     double precision not null check (price > 1),
    bet_limit double precision,
    primary key (market_id, bookmaker, outcome, side)
) with (fillfactor = 85);

-- How far a recording has been read; moves in the transaction of the answer it stands for.
create table source_position (
    source   text primary key,
    position bigint not null check (position >= 0),
    moved_at timestamptz not null default now()
);

-- migrate:down
drop table source_position;
drop table quote;
drop table book;
drop table market;
drop table event;
