-- migrate:up
set lock_timeout = '5s';

-- What a bet on an alternate is from the main line at the close is no movement of a line: it has no points.
update bet set points = null
where points is not null and (market like 'alternate\_%' or market like '%\_alternate');

-- migrate:down
-- They are not known any more.
select;
