-- migrate:up
set lock_timeout = '5s';

-- At once, in the order of who keeps a bet or judges some: the closing lines, then the bets.
lock table closing in access exclusive mode;
lock table bet in share mode;

-- Which event they are of: they outlive it, and bets that are entered later name it by league, teams and start. Null
-- where an event had gone before this migration: its closing lines are found by its id alone until they go as well.
alter table closing
    add column provider      text,
    add column sport         text,
    add column league        text,
    add column league_title  text,
    add column home          text,
    add column away          text,
    add column commence_time timestamptz;
update closing set provider = event.provider, sport = event.sport, league = event.league,
    league_title = event.league_title, home = event.home, away = event.away, commence_time = event.commence_time
from sporting_event event where event.id = closing.event_id;
create index closing_by_start on closing (commence_time);

-- Bets whose event nobody knew are looked through when one comes that starts near theirs.
create index bet_without_event on bet (commence_time) where event_id is null;

-- migrate:down
lock table closing in access exclusive mode;
drop index bet_without_event;
drop index closing_by_start;
alter table closing
    drop column provider,
    drop column sport,
    drop column league,
    drop column league_title,
    drop column home,
    drop column away,
    drop column commence_time;
