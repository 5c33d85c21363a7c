-- Namespaces as things: what people say of them, repositories that were deleted, digests that were purged. Expand only.

-- A deleted repository has gone_at; its path is then 'NAME@ID', which no name can be, and was_path is its name.
alter table repository add column was_path text;
create index repository_gone on repository (was_path, gone_at) where gone_at is not null;

-- What was created or described by somebody; every prefix of a repository's name is a namespace without a row, too.
create table namespace (
  path text primary key,
  description text not null,
  made_at integer not null,
  made_by text not null
) strict, without rowid;

-- Labels of namespaces and repositories.
create table label (
  path text not null,
  name text not null,
  value text not null,
  primary key (path, name)
) strict, without rowid;
create index label_name on label (name, value, path);

-- Content that was purged: its row stays in state 3, without bytes, and is refused until this is lifted.
create table purged (
  content_id integer primary key references content (id),
  reason text not null,
  actor text not null,
  at integer not null
) strict;
