-- Lists as files: what a job wrote down, for who asked for it, kept for a day. Expand only.

-- list: tags, repositories, storage, users or history; query: its filter and sort, JSON; origin: from where it was asked
-- for, JSON. rows: null while it is being written; whole: 1 it holds all of the list; why: it holds nothing, and why.
create table list_file (
  id integer primary key autoincrement,
  account integer not null,
  list text not null,
  path text not null,
  query text not null,
  origin text not null,
  job integer,
  rows integer,
  size integer not null default 0,
  whole integer not null default 1,
  why text,
  made_at integer not null
) strict;
create index list_file_made on list_file (made_at, id);
create index list_file_account on list_file (account, id);

create table list_file_part (
  file_id integer not null references list_file (id),
  number integer not null,
  data text not null,
  primary key (file_id, number)
) strict, without rowid;
