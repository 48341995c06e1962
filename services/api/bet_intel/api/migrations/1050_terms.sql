-- migrate:up
set lock_timeout = '5s';

-- How often the stake of an opportunity is returned (null = not known), what its EV is per unit of, and the share of a
-- bankroll that it is worth. Of those told before, nothing of it is known.
alter table opportunity
    add column push   double precision check (push between 0 and 1),
    add column ev_per text not null default 'standing_stake' check (ev_per in ('stake', 'standing_stake', 'liability')),
    add column stake  double precision check (stake between 0 and 1);
alter table closed_opportunity
    add column push   double precision,
    add column ev_per text not null default 'standing_stake',
    add column stake  double precision;

-- migrate:down
alter table closed_opportunity drop column stake, drop column ev_per, drop column push;
alter table opportunity drop column stake, drop column ev_per, drop column push;
