-- migrate:up
set lock_timeout = '5s';

-- The newest answer at or before the start that withdrew a market: what is older among its closing candidates was not on
-- offer any more. Apart from `line`, because it may come before the board that it withdrew.
create table withdrawn_line (
    event_id text not null references event on delete cascade,
    market   text not null,
    period   text not null,
    line     double precision,
    subject  text not null,
    as_of    timestamptz not null,
    revision bigint not null,
    -- Also what the lines of one event are found by.
    unique nulls not distinct (event_id, market, period, line, subject)
);

-- migrate:down
drop table withdrawn_line;
