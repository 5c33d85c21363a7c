-- While a backup copies objects, none is deleted: each running backup renews its row. Expand only.
create table backup_hold (
  name text primary key,
  until integer not null
) strict, without rowid;
create index backup_hold_until on backup_hold (until);
