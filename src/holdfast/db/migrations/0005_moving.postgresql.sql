-- What `holdfast migrate-storage` remembers in the database that it fills; empty in one that serves. Expand only.

-- One row while the move goes on. origin: the installation that moves in; place: where it comes from, for people.
create table moving (
  id bigint primary key check (id = 1),
  origin text not null,
  place text not null,
  began bigint not null
);

-- Objects that were copied and read back.
create table moving_object (
  key text collate "C" primary key
);

-- Staged bytes of open uploads that were made objects; they become rows of upload_segment at the end.
create table moving_upload (
  upload_id text collate "C" not null,
  n bigint not null,
  key text collate "C" not null,
  size bigint not null,
  primary key (upload_id, n)
);

-- Foreign keys that stand aside while tables are copied one after the other.
create table moving_constraint (
  owner text collate "C" not null,
  name text collate "C" not null,
  definition text not null,
  primary key (owner, name)
);
