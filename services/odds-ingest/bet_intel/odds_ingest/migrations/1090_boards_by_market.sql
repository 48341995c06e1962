-- migrate:up
set lock_timeout = '5s';

-- A market's whole board in its own row, as three lists in the order of the bookmakers' names:
-- {"bookmakers": [name, …], "offers": [[[outcome, side, price, limit], …], …], "last_update": [time, …]}.
-- It is told, compared and written as one, and a row costs more than what is in it. Text and neither json, which is read
-- through with every write, nor jsonb: nothing looks into it on the way, and of text that differs in a few places
-- PostgreSQL logs little more than these.
alter table market
    add column board text not null default '{"bookmakers": [], "offers": [], "last_update": []}';
update market set board = told.board
from (
    select market_id, json_build_object(
        'bookmakers', json_agg(bookmaker order by bookmaker collate "C"),
        'offers', json_agg(prices order by bookmaker collate "C"),
        'last_update', json_agg(last_update order by bookmaker collate "C")
    )::text as board
    from book group by market_id
) as told
where told.market_id = market.id;
alter table market alter column board drop default;
drop view quote;
drop table book;

-- Each answer rewrites all events and most markets, and no index need be told of it: a page has room for the next version
-- of what is on it, and no index holds what changes. Retention looks for events that are over.
alter table event set (fillfactor = 45);
alter table market set (fillfactor = 45);
drop index event_over;
create index event_over on event (id) where not open;

-- For who reads a database by hand.
create view quote as
select
    market.id as market_id, bookmaker, told ->> 0 as outcome, (told ->> 1)::smallint as side,
    (told ->> 2)::double precision as price, (told ->> 3)::double precision as bet_limit,
    (board::json -> 'last_update' ->> place::int - 1)::timestamptz as last_update
from market, json_array_elements_text(board::json -> 'bookmakers') with ordinality as books (bookmaker, place),
    json_array_elements(board::json -> 'offers' -> place::int - 1) as told;

-- migrate:down
drop view quote;
create table book (
    market_id   bigint not null references market on delete cascade,
    bookmaker   text not null,
    last_update timestamptz not null,
    prices      jsonb not null check (jsonb_typeof(prices) = 'array'),
    primary key (market_id, bookmaker)
) with (fillfactor = 85);
insert into book
select market.id, bookmaker, (board::json -> 'last_update' ->> place::int - 1)::timestamptz,
    (board::json -> 'offers' -> place::int - 1)::jsonb
from market, json_array_elements_text(board::json -> 'bookmakers') with ordinality as books (bookmaker, place);
alter table market drop column board;
drop index event_over;
create index event_over on event (as_of) where not open;
alter table event set (fillfactor = 85);
alter table market set (fillfactor = 85);
create view quote as
select
    market_id, bookmaker, told ->> 0 as outcome, (told ->> 1)::smallint as side,
    (told ->> 2)::double precision as price, (told ->> 3)::double precision as bet_limit
from book, jsonb_array_elements(prices) as told;
