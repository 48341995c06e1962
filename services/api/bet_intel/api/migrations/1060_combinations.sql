-- migrate:up
set lock_timeout = '5s';

-- Open opportunities of several legs: arbitrages, low holds, middles. What closes is told and goes; the engine keeps it.
create table combination (
    id                 text primary key,
    event_id           text not null references sporting_event on delete cascade,
    sport              text not null,
    league             text not null,
    commence_time      timestamptz not null,
    kind               text not null check (kind in ('arbitrage', 'low_hold', 'middle')),
    profile            text not null,
    class              text not null,
    -- Of the first leg; alternate lines of a middle are in `legs`.
    market             text not null,
    period             text not null,
    subject            text not null,
    -- [{market, line, category, outcome, bookmaker, title, side, price, net_price, limit, share, fair, last_update}]
    legs               jsonb not null check (jsonb_array_length(legs) >= 2),
    cost               double precision not null check (cost > 0),
    ev                 double precision not null,
    window_low         double precision,
    window_high        double precision,
    window_probability double precision,
    opening            integer not null check (opening > 0),
    opened_at          timestamptz not null,
    first_seen         timestamptz not null,
    last_seen          timestamptz not null,
    peak_ev            double precision not null,
    peak_at            timestamptz not null,
    as_of              timestamptz not null,
    revision           bigint not null check (revision > 0),
    check (num_nulls(window_low, window_high, window_probability) = case when kind = 'middle' then 0 else 3 end)
) with (fillfactor = 70);
-- The lists: those of a kind and a profile, best first, with the keyset cursor's order.
create index combination_by_ev on combination (kind, profile, ev desc, id);
-- The projector compares an arriving set with what is open of its event.
create index combination_of_event on combination (event_id);

-- The feed tells of them too.
alter table feed drop constraint feed_kind_check;
alter table feed add constraint feed_kind_check
    check (kind ~ '^(opportunity|arbitrage|low_hold|middle)\.(opened|updated|closed)$' or kind = 'odds.changed');

-- migrate:down
delete from feed where kind ~ '^(arbitrage|low_hold|middle)';
alter table feed drop constraint feed_kind_check;
alter table feed add constraint feed_kind_check
    check (kind in ('opportunity.opened', 'opportunity.updated', 'opportunity.closed', 'odds.changed'));
drop table combination;
