-- Whether anything may be written now: the row is read inside every write unit. since: when it was switched.
create table mode (
  id bigint primary key check (id = 1),
  read_only bigint not null,
  reason text,
  actor text,
  since bigint not null
);

-- Signs of life of the processes that serve or work. schema: the newest migration that the node's program knows.
create table node (
  id text collate "C" primary key,
  host text not null,
  pid bigint not null,
  kind text not null,
  version text not null,
  schema bigint not null,
  started bigint not null,
  seen bigint not null
);

-- The oldest program that may use this database: a program must know at least the migration `oldest`.
-- Expanding migrations leave it, contracting ones raise it.
create table compatibility (
  id bigint primary key check (id = 1),
  oldest bigint not null
);

insert into mode (id, read_only, since) values (1, 0, 0);
insert into compatibility (id, oldest) values (1, 1);
