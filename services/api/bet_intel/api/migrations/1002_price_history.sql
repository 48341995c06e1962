-- migrate:up
set lock_timeout = '5s';

-- Every change of every price, as odds.changed told it: the gateway's own data, kept for as long as retention says and
-- backed up, not rebuilt. So it refers to nothing and repeats the market's key in every row.
create sequence price_history_id as bigint cache 64;

create table price_history (
    -- Orders what changed at one source time.
    id          bigint not null default nextval('price_history_id'),
    event_id    text not null,
    market      text not null,
    period      text not null,
    -- NaN = the market has no line, as in `market`.
    line        double precision not null,
    subject     text not null,
    bookmaker   text not null,
    outcome     text not null,
    side        text not null check (side in ('back', 'lay')),
    -- Source time of the answer that had it.
    as_of       timestamptz not null,
    revision    bigint not null check (revision > 0),
    -- Null = from here on it is not offered.
    price       double precision check (price > 1),
    stake_limit double precision check (stake_limit >= 0),
    -- When the bookmaker confirmed it.
    last_update timestamptz,
    -- Entered after newer boards of its market: it, or the one before it, was told late.
    late        boolean not null,
    check (price is not null or (stake_limit is null and last_update is null))
) partition by range (as_of);
-- The history of an event by time, with the keyset cursor's order; also what was known of a market before a late board.
create index price_history_of_event on price_history (event_id, as_of, id);

-- Days are made by the projector before it writes to them, one ahead, as price_history_YYYYMMDD. What finds none is here.
create table price_history_default partition of price_history default;

-- migrate:down
drop table price_history;
drop sequence price_history_id;
