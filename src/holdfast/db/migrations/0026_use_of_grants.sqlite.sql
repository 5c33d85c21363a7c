-- When a grant was last used. Expand only.

-- The latest time (microseconds) at which a client did what it allows, or was refused what it denies; to ten minutes.
alter table access_grant add column used_at integer;
