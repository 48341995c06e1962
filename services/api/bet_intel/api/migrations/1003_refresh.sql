-- migrate:up
set lock_timeout = '5s';

alter table provider_status
    add column polled_at timestamptz,
    add column due_at    timestamptz,
    -- {"spent_day": …, "spent_month": …, "left_day": …, …}; null where calls cost nothing.
    add column credits   jsonb,
    -- [[bookmaker, title, age, norm], …] in seconds.
    add column ages      jsonb not null default '[]';

-- A refresh that was asked for here, until the provider.status with its id arrives.
create table refresh (
    id           uuid primary key,
    sports       text[] not null,
    leagues      text[] not null,
    requested_at timestamptz not null,
    completed_at timestamptz,
    provider     text,
    -- '' = it was answered with newer odds.
    error_kind   text,
    message      text,
    credits      bigint check (credits >= 0),
    as_of        timestamptz,
    check ((completed_at is null) = (error_kind is null) and (completed_at is null) = (provider is null))
) with (fillfactor = 70);
-- Old ones are forgotten whenever one is asked for.
create index refresh_by_request on refresh (requested_at);

-- migrate:down
drop table refresh;
alter table provider_status
    drop column ages,
    drop column credits,
    drop column due_at,
    drop column polled_at;
