-- migrate:up
set lock_timeout = '5s';

-- Who does what only one process of a service may do, and when it was last heard of. Each term of a leader has an epoch
-- of its own, higher than those before it (0 = nobody has led yet); a guarded write of another epoch is refused.
create table ticker (
    name    text primary key,
    epoch   bigint not null check (epoch >= 0),
    holder  text not null,
    beat_at timestamptz not null
);

-- Two advisory locks for each ticker: 730401 is held by the session of the leader, 730402 shared by its transactions
-- that are under way, and alone by whoever takes the next epoch. They show in pg_locks, so that one can tell whom a
-- leader that hangs keeps waiting.

-- The epoch that may write, which stays it until the end of this transaction. Not SQL: the lock comes first, and only
-- then is the row looked at.
create function ticker_guard(of text) returns bigint language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(730402, hashtext(of));
    return (select epoch from ticker where name = of);
end
$$;

-- The next epoch, for whoever holds the first lock; null while a transaction of the last leader is under way. Above the
-- clock in microseconds, so that a restored database gives out no epoch again.
create function ticker_next(of text, by text) returns bigint language plpgsql as $$
declare
    taken bigint;
begin
    if not pg_try_advisory_xact_lock(730402, hashtext(of)) then
        return null;
    end if;
    update ticker set beat_at = now(), holder = by,
        epoch = greatest(epoch + 1, (extract(epoch from clock_timestamp()) * 1000000)::bigint)
    where name = of returning epoch into taken;
    return taken;
end
$$;

-- End the sessions that hold a lock of a ticker.
create function ticker_end(of text, lock integer) returns bigint language sql as $$
    select count(pg_terminate_backend(pid)) from pg_locks
    where locktype = 'advisory' and granted and pid <> pg_backend_pid() and classid = lock::oid and objsubid = 2
        and objid = (hashtext(of)::bigint & 4294967295)::oid
        and database = (select oid from pg_database where datname = current_database())
$$;

-- migrate:down
drop function ticker_end;
drop function ticker_next;
drop function ticker_guard;
drop table ticker;
