-- migrate:up
set lock_timeout = '5s';

-- Ids of the line history are taken once for a batch: the sequence gives the first of so many.
alter sequence price_history_id increment by 10000000 cache 1;

-- Opportunities that are over; `opportunity` holds those that are open. One that opens again goes back. It says itself
-- what is shown of its event, which may be forgotten before it.
create table closed_opportunity (
    id            text not null,
    event_id      text not null,
    sport         text not null,
    league        text not null,
    league_title  text not null,
    home          text,
    away          text,
    commence_time timestamptz not null,
    kind          text not null,
    profile       text not null,
    class         text not null,
    market        text not null,
    period        text not null,
    line          double precision,
    subject       text not null,
    category      text not null,
    outcome       text not null,
    bookmaker     text not null,
    side          text not null check (side in ('back', 'lay')),
    price         double precision not null,
    net_price     double precision not null,
    stake_limit   double precision,
    fair          double precision not null,
    consensus     double precision,
    band_low      double precision not null,
    band_high     double precision not null,
    ev            double precision not null,
    ev_worst      double precision not null,
    dispersion    double precision,
    opening       integer not null,
    opened_at     timestamptz not null,
    first_seen    timestamptz not null,
    last_seen     timestamptz not null,
    peak_ev       double precision not null,
    peak_at       timestamptz not null,
    last_update   timestamptz,
    as_of         timestamptz not null,
    revision      bigint not null,
    -- Source time.
    closed_at     timestamptz not null,
    close_reason  text not null,
    -- The working of the last set that held it.
    detail        jsonb not null
) partition by range (closed_at);
-- One is looked up by its id, and goes back by it.
create index closed_opportunity_by_id on closed_opportunity (id);
create table closed_opportunity_default partition of closed_opportunity default;

-- How many are kept of each day (UTC), so that nobody has to count them.
create table closed_count (
    day           date primary key,
    opportunities bigint not null check (opportunities >= 0)
) with (fillfactor = 50);

insert into closed_opportunity
select o.id, o.event_id, o.sport, o.league, e.league_title, e.home, e.away, o.commence_time, o.kind, o.profile, o.class,
    o.market, o.period, o.line, o.subject, o.category, o.outcome, o.bookmaker, o.side, o.price, o.net_price,
    o.stake_limit, o.fair, o.consensus, o.band_low, o.band_high, o.ev, o.ev_worst, o.dispersion, o.opening, o.opened_at,
    o.first_seen, o.last_seen, o.peak_ev, o.peak_at, o.last_update, o.as_of, o.revision, o.closed_at, o.close_reason,
    coalesce(o.detail, 'null')
from opportunity o join sporting_event e on e.id = o.event_id where o.closed_at is not null;
insert into closed_count select (closed_at at time zone 'UTC')::date, count(*) from closed_opportunity group by 1;
delete from opportunity where closed_at is not null;

-- An event takes its opportunities with it, so that its index has to hold all of them.
drop index opportunity_of_event;
create index opportunity_of_event on opportunity (event_id);
-- How many markets are open, without those that are not.
create index market_open on market (event_id) where status <> 'closed';

-- The feed in days by the clock: entries that nobody can resume from any more go with their day. What it held so far
-- nobody has read.
drop table feed;
create table feed (
    seq      bigint not null,
    kind     text not null
             check (kind in ('opportunity.opened', 'opportunity.updated', 'opportunity.closed', 'odds.changed')),
    event_id text not null,
    as_of    timestamptz not null,
    payload  jsonb not null,
    -- When it was told here, by the clock.
    told_at  timestamptz not null,
    primary key (seq, told_at)
) partition by range (told_at);
create table feed_default partition of feed default;
-- From here on every entry is there; who has seen less cannot go on and starts from a snapshot.
alter table feed_position add column kept_from bigint not null default 1 check (kept_from <= seq + 1);
update feed_position set kept_from = seq + 1;

-- migrate:down
alter table feed_position drop column kept_from;
drop table feed;
create table feed (
    seq      bigint primary key,
    kind     text not null
             check (kind in ('opportunity.opened', 'opportunity.updated', 'opportunity.closed', 'odds.changed')),
    event_id text not null,
    as_of    timestamptz not null,
    payload  jsonb not null
);
drop index market_open;
drop index opportunity_of_event;
create index opportunity_of_event on opportunity (event_id) where closed_at is null;
drop table closed_count;
drop table closed_opportunity;
alter sequence price_history_id increment by 1 cache 64;
