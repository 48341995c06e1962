-- migrate:up
set lock_timeout = '5s';

-- What stood of a market before its closing candidate, in the last two hours before the start: a start that is moved to
-- an earlier time takes its closing lines from here.
create table earlier_line (
    -- Of `line`. What is left of one that was deleted goes with its day: a reference would cost each write a look.
    line_id  bigint not null,
    -- The half minute that `since` is in. It keeps its newest state only: so many rows a market has at most.
    at       timestamptz not null,
    since    timestamptz not null,
    -- The newest answer that showed it.
    as_of    timestamptz not null,
    revision bigint not null,
    -- As in `line`; null where the market was withdrawn.
    board    jsonb,
    updated  jsonb,
    primary key (line_id, at),
    check (since <= as_of)
);
-- Retention looks for the oldest.
create index earlier_line_since on earlier_line (since);

-- migrate:down
drop table earlier_line;
