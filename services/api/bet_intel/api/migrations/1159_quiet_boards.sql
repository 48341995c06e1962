-- migrate:up
set lock_timeout = '5s';

-- Boards that were newer than what the read model held and changed no price of it, which happens where one before them
-- has yet to come. What that one changed stood until the first board behind it. Of no foreign key: the first board of an
-- event is compared before the event is stored.
create table quiet_board (
    event_id text not null,
    market   text not null,
    period   text not null,
    -- NaN = no line, as in market.
    line     double precision not null,
    subject  text not null,
    revision bigint not null,
    as_of    timestamptz not null,
    primary key (event_id, market, period, line, subject, revision)
);

-- migrate:down
drop table quiet_board;
