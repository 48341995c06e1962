-- migrate:up
set lock_timeout = '5s';

-- At once whatever is needed in the end, in the projector's order: a lock that had to grow would wait for a projector
-- that waits for it. Who reads reads opportunities and then their events, and is not to wait for the events, which he
-- need not: they only get indexes.
lock table sporting_event in share mode;
lock table opportunity, combination in access exclusive mode;

-- Which filter is served by which index: docs/adr/0092. One that names a few of many values has an index that gives them
-- in the order by EV; where they are rare, every other order sorts the few that there are.
create index opportunity_of_bookmaker on opportunity (profile, bookmaker, ev desc, id);
create index opportunity_of_league on opportunity (profile, league, ev desc, id);
create index opportunity_of_market on opportunity (profile, market, ev desc, id);
create index opportunity_of_sport on opportunity (profile, sport, ev desc, id);

-- The others are told by the index of the order itself, behind its key: what does not match costs an entry of the
-- index, not a row. That by first sight stays as it is: where few match, one of these finds them, and they are sorted.
drop index opportunity_by_ev;
create index opportunity_by_ev on opportunity
    (profile, ev desc, id, class, category, first_seen, price, commence_time);
drop index opportunity_by_start;
create index opportunity_by_start on opportunity
    (profile, commence_time, id, class, category, first_seen, price);
drop index opportunity_by_fair;
create index opportunity_by_fair on opportunity
    (profile, fair desc, id, class, category, first_seen, price, commence_time);

-- Of combinations the same. Bookmakers and categories are those of the legs: kept as they are chosen by, because an index
-- of `legs` itself would be written with every confirmation of a price.
create function categories_of(legs jsonb) returns text
    language sql immutable strict parallel safe
    as $$ select string_agg(distinct (leg ->> 'category') collate "C", ',' order by (leg ->> 'category') collate "C")
          from jsonb_array_elements(legs) leg $$;
alter table combination
    add column bookmakers jsonb
        generated always as (jsonb_path_query_array(legs, '$[*].bookmaker')) stored,
    -- Each once, by name, with commas between them.
    add column categories text collate "C" generated always as (categories_of(legs)) stored;
create index combination_of_bookmaker on combination using gin (bookmakers);
create index combination_of_league on combination (kind, profile, league, ev desc, id);
create index combination_of_market on combination (kind, profile, market, ev desc, id);
create index combination_of_sport on combination (kind, profile, sport, ev desc, id);
drop index combination_by_ev;
create index combination_by_ev on combination
    (kind, profile, ev desc, id, class, categories, first_seen, commence_time);

-- Events by start, of one sport or league. Neither changes, so that an answer about an event writes none of the two.
create index sporting_event_of_league on sporting_event (status, league, commence_time, id);
create index sporting_event_of_sport on sporting_event (status, sport, commence_time, id);

-- migrate:down
set lock_timeout = '5s';
lock table sporting_event, opportunity, combination in access exclusive mode;
drop index sporting_event_of_sport;
drop index sporting_event_of_league;
drop index combination_by_ev;
create index combination_by_ev on combination (kind, profile, ev desc, id);
drop index combination_of_sport;
drop index combination_of_market;
drop index combination_of_league;
alter table combination drop column categories, drop column bookmakers;
drop function categories_of;
drop index opportunity_by_fair;
create index opportunity_by_fair on opportunity (profile, fair desc, id);
drop index opportunity_by_start;
create index opportunity_by_start on opportunity (profile, commence_time, id);
drop index opportunity_by_ev;
create index opportunity_by_ev on opportunity (profile, ev desc, id);
drop index opportunity_of_sport;
drop index opportunity_of_market;
drop index opportunity_of_league;
drop index opportunity_of_bookmaker;
