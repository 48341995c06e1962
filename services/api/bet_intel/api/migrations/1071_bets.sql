-- migrate:up
set lock_timeout = '5s';

-- Bets that somebody has placed, and what the closing lines say of them: the owner's rows.
create table bet (
    id                uuid primary key,
    account           text not null,
    -- The owner's name for it, so that an import that is repeated creates nothing more.
    reference         text,
    created_at        timestamptz not null,
    placed_at         timestamptz not null,
    -- Null: nobody knows which event it was on, and `unmatched_reason` says why.
    event_id          text,
    unmatched_reason  text,
    sport             text,
    league            text,
    home              text,
    away              text,
    commence_time     timestamptz,
    market            text not null,
    period            text not null,
    -- A total's point, the home side's point of a spread.
    line              double precision,
    subject           text not null,
    outcome           text not null,
    bookmaker         text not null,
    price             double precision not null check (price > 1),
    stake             numeric(18, 4) not null check (stake > 0),
    -- What came back, the stake included; null until it is known.
    returned          numeric(18, 4) check (returned >= 0),
    note              text not null,
    -- From here: by the closing lines of this revision, null where there were none.
    closing_revision  bigint,
    clv_raw           double precision,
    clv_no_vig        double precision,
    closing_price     double precision,
    closing_fair      double precision,
    closing_line      double precision,
    -- Points by which the line moved in the bet's favour after it was placed.
    points            double precision,
    -- Why a number is not there.
    clv_reason        text,
    check ((event_id is null) = (unmatched_reason is not null)),
    unique (account, reference)
);
-- An account's bets, in the order of the list.
create index bet_of_account on bet (account, placed_at desc, id);
-- Bets are judged anew when the closing lines of their event arrive.
create index bet_on_event on bet (event_id) where event_id is not null;

-- migrate:down
drop table bet;
