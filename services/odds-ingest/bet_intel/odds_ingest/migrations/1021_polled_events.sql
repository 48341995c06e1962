-- migrate:up
set lock_timeout = '5s';

-- Single events are polled beside leagues: by the provider's own id, '' is the league itself.
alter table league rename to polled;
alter table polled add column event text not null default '';
alter table polled drop constraint league_pkey, add primary key (provider, league, event);

-- migrate:down
delete from polled where event <> '';
alter table polled drop constraint polled_pkey, add constraint league_pkey primary key (provider, league);
alter table polled drop column event;
alter table polled rename to league;
