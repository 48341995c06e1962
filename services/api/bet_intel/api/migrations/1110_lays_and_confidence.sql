-- migrate:up
set lock_timeout = '5s';

-- How likely a price is better than fair, and how many half points the nearest of the lines is away that it was judged
-- by (null: it was judged by its own line).
alter table opportunity
    add column confidence  double precision check (confidence between 0 and 1),
    add column half_points double precision check (half_points >= 0);
alter table closed_opportunity
    add column confidence  double precision,
    add column half_points double precision;

-- A bet may be a lay: its stake is then that of who backs, and what it risks is stake * (price - 1).
alter table bet add column side text not null default 'back' check (side in ('back', 'lay'));

-- migrate:down
alter table bet drop column side;
alter table closed_opportunity drop column half_points, drop column confidence;
alter table opportunity drop column half_points, drop column confidence;
