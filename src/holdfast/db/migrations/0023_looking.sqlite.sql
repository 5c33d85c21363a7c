-- What people look at: jobs by kind, uploads while they arrive, and how storage grew. Expand only.

create index job_kind on job (kind, id);
create index job_people on job (id) where account > 0;

-- agent: the client that opened the session, null: an older program did not say.
alter table upload add column agent text;
create index upload_repository on upload (repo_id, id);

-- A body that has been coming for a while, as it is noted every few seconds. id: as in upload, or one that nothing else
-- has. began: bytes that the session held before. What the process that receives it did not take away is forgotten.
create table arriving (
  id text primary key,
  repository text not null,
  opener integer not null,
  agent text not null,
  began integer not null,
  received integer not null,
  length integer,
  made_at integer not null,
  seen_at integer not null
) strict, without rowid;
create index arriving_repository on arriving (repository, id);
create index arriving_opener on arriving (opener, id);
create index arriving_seen on arriving (seen_at);

-- What the walk found of a path (storage_figure) on a day (since 1970-01-01, UTC), where that is not what it found the
-- last time. Bytes as there.
create table storage_day (
  path text not null,
  day integer not null,
  live integer not null,
  history integer not null,
  pending integer not null,
  live_stored integer not null,
  history_stored integer not null,
  pending_stored integer not null,
  primary key (path, day)
) strict, without rowid;
create index storage_day_age on storage_day (day, path);

-- The largest contents below a namespace ('/': of all), the largest first from 1 on.
create table storage_largest (
  walk integer not null,
  path text not null,
  n integer not null,
  content_id integer not null,
  size integer not null,
  primary key (walk, path, n)
) strict, without rowid;

-- What paths use, from the largest down.
create index storage_figure_live on storage_figure (walk, live, path);

-- Keys that end soon.
create index api_key_expires on api_key (expires_at, id) where expires_at is not null and gone_at is null;
