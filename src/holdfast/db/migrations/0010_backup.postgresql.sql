-- While a backup copies objects, none is deleted: each running backup renews its row. Expand only.
create table backup_hold (
  name text collate "C" primary key,
  until bigint not null
);
create index backup_hold_until on backup_hold (until);
