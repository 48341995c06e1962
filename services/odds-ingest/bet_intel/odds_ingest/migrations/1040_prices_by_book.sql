-- migrate:up
set lock_timeout = '5s';

-- A bookmaker's prices of a market as one row beside the time it confirmed them, as [outcome, side, price, limit] each:
-- they are told, compared and written together, and a row costs more than what is in it.
alter table book add column prices jsonb not null default '[]' check (jsonb_typeof(prices) = 'array');
update book set prices = told.prices
from (
    select market_id, bookmaker, jsonb_agg(jsonb_build_array(outcome, side, price, bet_limit)) as prices
    from quote group by market_id, bookmaker
) as told
where told.market_id = book.market_id and told.bookmaker = book.bookmaker;
alter table book alter column prices drop default;
drop table quote;

-- For who reads a database by hand.
create view quote as
select
    market_id, bookmaker, told ->> 0 as outcome, (told ->> 1)::smallint as side,
    (told ->> 2)::double precision as price, (told ->> 3)::double precision as bet_limit
from book, jsonb_array_elements(prices) as told;

-- migrate:down
drop view quote;
create table quote (
    market_id bigint not null references market on delete cascade,
    bookmaker text not null,
    outcome   text not null,
    side      smallint not null check (side in (0, 1)),
    price     double precision not null check (price > 1),
    bet_limit double precision,
    primary key (market_id, bookmaker, outcome, side)
) with (fillfactor = 85);
insert into quote
select
    market_id, bookmaker, told ->> 0, (told ->> 1)::smallint, (told ->> 2)::double precision,
    (told ->> 3)::double precision
from book, jsonb_array_elements(prices) as told;
alter table book drop column prices;
