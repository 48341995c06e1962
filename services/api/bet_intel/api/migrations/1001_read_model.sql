-- migrate:up
set lock_timeout = '5s';

-- What the gateway knows of events, prices and opportunities: told by events alone, rebuilt from them when lost.

create table sporting_event (
    id            text primary key,
    provider      text not null,
    sport         text not null,
    league        text not null,
    league_title  text not null,
    -- Null in an outright competition.
    home          text,
    away          text,
    commence_time timestamptz not null,
    -- 0 = known from its opportunities only, its odds have not arrived.
    revision      bigint not null check (revision >= 0),
    -- Source time of the newest answer about it.
    as_of         timestamptz not null,
    status        text not null check (status in ('open', 'closed'))
) with (fillfactor = 70);
-- Lists of events by start, within one status.
create index sporting_event_by_start on sporting_event (status, commence_time, id);

create table bookmaker (
    key   text primary key,
    title text not null
);

create table market (
    event_id text not null references sporting_event on delete cascade,
    market   text not null,
    period   text not null,
    -- NaN = the market has no line, as on the wire: it equals itself, so it can be part of the key.
    line     double precision not null,
    subject  text not null,
    status   text not null check (status in ('open', 'suspended', 'closed')),
    -- Event revision at which its prices or its status last changed.
    revision bigint not null check (revision > 0),
    -- Source time of that change.
    as_of    timestamptz not null,
    -- {"last_updates": {bookmaker: µs}, "quotes": [[bookmaker, outcome, side, price, limit], …]}
    board    jsonb not null,
    primary key (event_id, market, period, line, subject)
) with (fillfactor = 85);

-- When each bookmaker last confirmed its prices, per market, as the newest message of the event tells. Apart from the
-- boards, because it changes with every answer and they do not.
create table freshness (
    event_id text primary key references sporting_event on delete cascade,
    revision bigint not null check (revision > 0),
    -- [[[market, period, line, subject], market revision, {bookmaker: µs}], …]: valid for a board of at least that revision.
    markets  jsonb not null
) with (fillfactor = 70);

-- The newest opportunities.updated of each event, as it arrived: the working behind every open opportunity and the
-- fair prices of every market are read from it.
create table opportunity_set (
    event_id text primary key references sporting_event on delete cascade,
    -- 0 = none yet.
    revision bigint not null check (revision >= 0),
    as_of    timestamptz not null,
    body     bytea not null
);
-- Doubles do not compress.
alter table opportunity_set alter column body set storage external;

create table opportunity (
    id            text primary key,
    event_id      text not null references sporting_event on delete cascade,
    sport         text not null,
    league        text not null,
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
    price         double precision not null check (price > 1),
    net_price     double precision not null check (net_price > 1),
    stake_limit   double precision check (stake_limit >= 0),
    fair          double precision not null check (fair > 0 and fair < 1),
    consensus     double precision check (consensus > 0 and consensus < 1),
    band_low      double precision not null,
    band_high     double precision not null check (band_high >= band_low),
    ev            double precision not null,
    ev_worst      double precision not null,
    dispersion    double precision,
    opening       integer not null check (opening > 0),
    opened_at     timestamptz not null,
    first_seen    timestamptz not null,
    last_seen     timestamptz not null,
    peak_ev       double precision not null,
    peak_at       timestamptz not null,
    -- When the bookmaker last confirmed the price.
    last_update   timestamptz,
    -- Source time of the set that last held it.
    as_of         timestamptz not null,
    revision      bigint not null check (revision > 0),
    closed_at     timestamptz,
    close_reason  text,
    -- The working of the last set that held it, kept when it closes; while it is open the set itself tells.
    detail        jsonb,
    check ((closed_at is null) = (close_reason is null)),
    check (closed_at is not null or detail is null)
) with (fillfactor = 70);
-- The list: open opportunities of a profile, best first, with the keyset cursor's order.
create index opportunity_by_ev on opportunity (profile, ev desc, id) where closed_at is null;
-- The projector compares an arriving set with what is open of its event.
create index opportunity_of_event on opportunity (event_id) where closed_at is null;

create table provider_status (
    provider    text primary key,
    reported_at timestamptz not null,
    as_of       timestamptz,
    state       text not null,
    error_kind  text not null,
    message     text not null,
    position    bigint not null,
    total       bigint not null,
    events      bigint not null,
    prices      bigint not null,
    rejections  bigint not null
);

create table service_heartbeat (
    service            text primary key,
    reported_at        timestamptz not null,
    version            text not null,
    outbox_depth       bigint not null,
    outbox_age_seconds double precision not null,
    dead_letters       bigint not null
);

-- One row: where the feed and the read model stand. Locked last and briefly, so that seq has no gap and is in the order
-- of the commits.
create table feed_position (
    only_row   boolean primary key default true check (only_row),
    -- Names this numbering: another after the read model was made anew.
    epoch      bigint not null,
    seq        bigint not null check (seq >= 0),
    -- One more with every transaction that changed the read model, also where it put nothing into the feed.
    generation bigint not null check (generation >= 0),
    -- Newest source time applied.
    as_of      timestamptz
) with (fillfactor = 10);
insert into feed_position (epoch, seq, generation)
values ((extract(epoch from clock_timestamp()) * 1000)::bigint, 0, 0);

create table feed (
    seq      bigint primary key,
    kind     text not null
             check (kind in ('opportunity.opened', 'opportunity.updated', 'opportunity.closed', 'odds.changed')),
    event_id text not null,
    as_of    timestamptz not null,
    payload  jsonb not null
);

-- migrate:down
drop table feed;
drop table feed_position;
drop table service_heartbeat;
drop table provider_status;
drop table opportunity;
drop table opportunity_set;
drop table freshness;
drop table market;
drop table bookmaker;
drop table sporting_event;
