-- The first steps of an administrator: which of them were taken. Expand only.

-- When the password was changed last; null: it is the one that the account was made with.
alter table account add column password_at integer;

-- When somebody put the list of first steps away; null: it is shown while a step is left.
alter table profile add column steps_hidden_at integer;
