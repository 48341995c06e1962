-- migrate:up
set lock_timeout = '5s';

-- Of what category the market of a bet was when its closing line was fixed, and when that was: who does not see such
-- markets, or not yet, is not told what the line says of it.
alter table bet
    add column closing_category text,
    add column closing_as_of    timestamptz;

-- migrate:down
alter table bet drop column closing_as_of, drop column closing_category;
