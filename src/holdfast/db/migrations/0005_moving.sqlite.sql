-- What `holdfast migrate-storage` remembers in the database that it fills; empty in one that serves. Expand only.

-- One row while the move goes on. origin: the installation that moves in; place: where it comes from, for people.
create table moving (
  id integer primary key check (id = 1),
  origin text not null,
  place text not null,
  began integer not null
) strict;

-- Objects that were copied and read back.
create table moving_object (
  key text primary key
) strict, without rowid;

-- Staged bytes of open uploads that were made objects; they become rows of upload_segment at the end.
create table moving_upload (
  upload_id text not null,
  n integer not null,
  key text not null,
  size integer not null,
  primary key (upload_id, n)
) strict, without rowid;

-- Foreign keys that stand aside while tables are copied one after the other.
create table moving_constraint (
  owner text not null,
  name text not null,
  definition text not null,
  primary key (owner, name)
) strict, without rowid;
