-- migrate:up
set lock_timeout = '5s';

-- What a creating request was answered, so that the same one sent again creates nothing more.
create table idempotency (
    account    text not null,
    key        text not null,
    -- Of method, address and body: the same key with another request is refused.
    digest     bytea not null,
    -- Null only within the transaction that answers it.
    status     integer,
    location   text,
    -- Encrypted where it holds a secret.
    answer     bytea,
    is_secret  boolean not null default false,
    created_at timestamptz not null,
    primary key (account, key)
);
-- Old ones are forgotten whenever one is stored.
create index idempotency_by_age on idempotency (created_at);

-- How an operator wants prices to be judged: the whole document at each revision.
create table pricing_settings (
    profile    text primary key,
    revision   bigint not null check (revision > 0),
    settings   jsonb not null,
    updated_at timestamptz not null
);

-- migrate:down
drop table pricing_settings;
drop table idempotency;
