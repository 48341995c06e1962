-- migrate:up
set lock_timeout = '5s';

-- Boards that came and changed no price of what was known. One before them may have yet to come: what that one changed
-- stood until the first board behind it.
create table quiet_board (
    event_id text not null references sporting_event on delete cascade,
    market   text not null,
    period   text not null,
    -- NaN = no line, as in market.
    line     double precision not null,
    subject  text not null,
    revision bigint not null check (revision > 0),
    as_of    timestamptz not null,
    primary key (event_id, market, period, line, subject, revision)
);

-- migrate:down
drop table quiet_board;
