-- migrate:up
set lock_timeout = '5s';

-- Since when the closing board has stood: what a start that is moved to before `closing_as_of` is held against. Of rows
-- from before, nothing earlier is known.
alter table line add column closing_since timestamptz;
update line set closing_since = closing_as_of;
-- No closing: the start was moved to before the candidate, and the board before that is not known any more.
alter table line
    alter column closing_as_of drop not null,
    alter column closing_revision drop not null,
    alter column closing_board drop not null,
    add check (closing_since <= closing_as_of),
    add check (num_nulls(closing_as_of, closing_revision, closing_board, closing_since) in (0, 4));

-- migrate:down
delete from line where closing_board is null;
alter table line
    drop column closing_since,
    alter column closing_as_of set not null,
    alter column closing_revision set not null,
    alter column closing_board set not null;
