-- migrate:up
set lock_timeout = '5s';

-- A service's role changes no table. The partitions of a day that it needs made, or dropped when they are too old, it
-- gets from these functions, which run with the rights of the owner and can do nothing else: docs/adr/0021.

-- Make the partition of a day (UTC) of a table that is partitioned by range over a timestamptz, where it is missing.
-- False where the default partition already holds rows of that day: they stay where they are.
create function ensure_day(parent text, day date) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    -- Drivers may take the last day that they know for infinity.
    its_day date := least(day, '9999-12-31');
    part text := parent || '_' || to_char(its_day, 'YYYYMMDD');
    first_moment text := its_day || ' 00:00+00';
    last_moment text := case when its_day = '9999-12-31' then 'infinity' else its_day + 1 || ' 00:00+00' end;
begin
    perform check_partitioned(parent);
    if to_regclass(quote_ident(part)) is not null then
        return true;
    end if;
    begin
        -- Attached, not created in place: that would keep readers of the whole table waiting.
        execute format(
            'create table %I (like %I including defaults including constraints including storage)', part, parent);
        execute format(
            'alter table %I attach partition %I for values from (%L) to (%L)', parent, part, first_moment, last_moment);
    exception when check_violation then
        return false;
    end;
    return true;
end
$$;

-- Drop the partition of a day, with all its rows, where there is one.
create function drop_day(parent text, day date) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    part text := parent || '_' || to_char(least(day, '9999-12-31'), 'YYYYMMDD');
begin
    perform check_partitioned(parent);
    if not exists (
        select from pg_inherits
        where inhparent = to_regclass(quote_ident(parent)) and inhrelid = to_regclass(quote_ident(part))
    ) then
        return false;
    end if;
    execute format('drop table %I', part);
    return true;
end
$$;

create function check_partitioned(parent text) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    if not exists (select from pg_partitioned_table where partrelid = to_regclass(quote_ident(parent))) then
        raise exception 'there is no partitioned table %', quote_literal(parent) using errcode = 'undefined_table';
    end if;
end
$$;

-- migrate:down
drop function drop_day;
drop function ensure_day;
drop function check_partitioned;
