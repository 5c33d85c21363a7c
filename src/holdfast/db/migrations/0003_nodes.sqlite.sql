-- Whether anything may be written now: the row is read inside every write unit. since: when it was switched.
create table mode (
  id integer primary key check (id = 1),
  read_only integer not null,
  reason text,
  actor text,
  since integer not null
) strict;

-- Signs of life of the processes that serve or work. schema: the newest migration that the node's program knows.
create table node (
  id text primary key,
  host text not null,
  pid integer not null,
  kind text not null,
  version text not null,
  schema integer not null,
  started integer not null,
  seen integer not null
) strict, without rowid;

-- The oldest program that may use this database: a program must know at least the migration `oldest`.
-- Expanding migrations leave it, contracting ones raise it.
create table compatibility (
  id integer primary key check (id = 1),
  oldest integer not null
) strict;

insert into mode (id, read_only, since) values (1, 0, 0);
insert into compatibility (id, oldest) values (1, 1);
